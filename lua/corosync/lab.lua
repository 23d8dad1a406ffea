--- A private Corosync cluster on this machine: up to eight real daemons, each with its own network, /run and /dev/shm,
-- connected by bridges that can be split. It works for root and for ordinary users, beside other labs and inside them.
-- However the program ends, a lab leaves neither processes nor files behind.
--
--    local lab = require "corosync.lab"
--    local cluster = assert(lab.start(3))
--    cluster:partition({ 1, 2 }, { 3 })
--    assert(cluster:wait_members({ 1, 2 }, 10))
--    cluster:stop()
--
-- Functions that wait run the luv loop when called from plain code. In a coroutine they yield, and the loop that the
-- program runs resumes them (in Lua 5.1, nothing yields within a pcall). Nodes are numbers from 1. A wrong argument
-- raises; other failures return `nil, message, code`, after `stop` with the code "stopped".
-- @module corosync.lab

local argcheck = require "corosync.lab.argcheck"
local cluster = require "corosync.lab.cluster"
local requirements = require "corosync.lab.requirements"

local MOST_NODES = 8
local MTU, LEAST_MTU, MOST_MTU = 1500, 576, 65535 -- the least size that IPv4 hosts must accept, and veth's limit
local START = 60 -- seconds, which a healthy machine does not take

local START_OPTIONS = { nodes = "number", token = "number", transport = "string", totem = "table", mtu = "number",
  quorum = "boolean", output = "function", timeout = "number" }
-- Corosync ignores unknown settings, so a misspelt one would have no effect.
local TOTEM_SETTINGS = { consensus = "number", fail_recv_const = "number", hold = "number", join = "number",
  knet_mtu = "number", max_messages = "number", merge = "number", miss_count_const = "number", netmtu = "number",
  send_join = "number", seqno_unchanged_const = "number", token_coefficient = "number", token_retransmit = "number",
  token_retransmits_before_loss_const = "number", token_warning = "number", window_size = "number" }

local lab = { check = requirements.check }

local function check_totem(settings)
  argcheck.options(settings, TOTEM_SETTINGS, "start", "options.totem")
  for name, value in pairs(settings) do
    argcheck.check(argcheck.is_whole(value, 0, 2 ^ 31), "options.totem." .. name, "start", "expected a whole number")
  end
end

local function check_start(options)
  argcheck.options(options, START_OPTIONS, "start")
  argcheck.check(argcheck.is_whole(options.nodes, 1, MOST_NODES), "nodes", "start",
    ("expected 1 to %d, got %s"):format(MOST_NODES, tostring(options.nodes)))
  argcheck.check(argcheck.is_whole(options.token or 1000, 1, 2 ^ 31), "options.token", "start",
    "expected whole milliseconds")
  argcheck.seconds(options.timeout or START, "start")
  argcheck.check(({ udpu = true, knet = true })[options.transport or "udpu"], "options.transport", "start",
    "expected udpu or knet")
  check_totem(options.totem or {})
  argcheck.check(argcheck.is_whole(options.mtu or MTU, LEAST_MTU, MOST_MTU), "options.mtu", "start",
    ("expected %d to %d bytes"):format(LEAST_MTU, MOST_MTU))
end

--- Starts a cluster and waits until all its daemons see each other.
-- @tparam integer|table options the number of nodes, or a table
-- @tparam integer options.nodes 1 to 8
-- @tparam[opt=1000] integer options.token totem's token timeout in milliseconds
-- @tparam[opt="udpu"] string options.transport "udpu" or "knet"
-- @tparam[opt] table<string,integer> options.totem further numeric settings of corosync.conf's section totem, such as
-- `{ netmtu = 8900, window_size = 300 }`: see corosync.conf(5)
-- @tparam[opt=1500] integer options.mtu the largest packet of the nodes' links in bytes; 9000 for jumbo frames
-- @tparam[opt=true] boolean options.quorum false for a Corosync without a quorum provider: no partition is quorate
-- @tparam[opt=60] number options.timeout the longest wait in seconds
-- @tparam[opt] fun(node:integer,stream:string,line:string) options.output called for each line of a daemon's log
-- (stream "log") and of each program that has no `output` of its own ("out", "err")
-- @treturn Cluster
-- @error nil, message, code: "tools", "namespaces" or "network" (this machine lacks them), "not_running" (a daemon has
--   ended, the message quotes its log), "timeout"
function lab.start(options)
  if type(options) ~= "table" then
    options = { nodes = options }
  end
  check_start(options)
  local fine, message, code = requirements.check()
  if not fine then
    return nil, message, code
  end
  return cluster.start(options, options.mtu or MTU, options.timeout or START)
end

return lab
