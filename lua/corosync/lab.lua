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

local uv = require "luv"
local argcheck = require "corosync.lab.argcheck"
local copy = require("corosync.list").copy
local Daemon = require "corosync.lab.daemon"
local Namespaces = require "corosync.lab.namespaces"
local requirements = require "corosync.lab.requirements"
local tools = require "corosync.lab.tools"
local wait = require "corosync.lab.wait"

local MOST_NODES = 8
local MTU, LEAST_MTU, MOST_MTU = 1500, 576, 65535 -- the least size that IPv4 hosts must accept, and veth's limit
-- Time limits in seconds, which a healthy machine does not reach.
local START, KILL, SHUTDOWN, COMMAND = 30, 5, 15, 10

local START_OPTIONS = { nodes = "number", token = "number", transport = "string", totem = "table", mtu = "number",
  quorum = "boolean", output = "function", timeout = "number" }
-- Corosync ignores unknown settings, so a misspelt one would have no effect.
local TOTEM_SETTINGS = { consensus = "number", fail_recv_const = "number", hold = "number", join = "number",
  knet_mtu = "number", max_messages = "number", merge = "number", miss_count_const = "number", netmtu = "number",
  send_join = "number", seqno_unchanged_const = "number", token_coefficient = "number", token_retransmit = "number",
  token_retransmits_before_loss_const = "number", token_warning = "number", window_size = "number" }
local RUN_OPTIONS = { env = "table", cwd = "string", output = "function", exit = "function", host = "boolean" }

local Cluster = {}
Cluster.__index = Cluster

local lab = { check = requirements.check }
local labs = 0

local function is_alive(child)
  return child ~= nil and not child.ended
end

local function check_node(self, node, method)
  argcheck.check(argcheck.is_whole(node, 1, self.nodes), "node", method,
    ("expected 1 to %d, got %s"):format(self.nodes, type(node) == "number" and node or "a " .. type(node)))
end

local function check_nodes(self, list, name, method)
  argcheck.check(type(list) == "table" and #list > 0, name, method, "expected an array of nodes, such as {1}")
  for _, node in ipairs(list) do
    argcheck.check(argcheck.is_whole(node, 1, self.nodes), name, method,
      ("%s is not a node: the nodes are 1 to %d"):format(tostring(node), self.nodes))
  end
end

local function stopped(method)
  return nil, method .. ": the lab was stopped", "stopped"
end

local function adopt(self, child)
  for i = #self.children, 1, -1 do
    if self.children[i].exited then table.remove(self.children, i) end
  end
  self.children[#self.children + 1] = child
  return child
end

local function environment(self, extra)
  local env = { COROSYNC_LAB = self.id }
  for name, value in pairs(extra or {}) do env[name] = value end
  return tools.environment(env)
end

local function start_daemon(self, node)
  local process, message, code = self.daemons[node]:start(self.namespaces, environment(self))
  if not process then return nil, message, code end
  adopt(self, process)
  return true
end

local function start_all(self, seconds)
  local fine, message, code = self:heal()
  for node = 1, self.nodes do
    if fine then fine, message, code = start_daemon(self, node) end
  end
  if not fine then return nil, message, code end
  local function sees_all(daemon) return #daemon.members == self.nodes end
  return Daemon.wait_ready(self.daemons, seconds, sees_all, "start")
end

-- Lua 5.1 and LuaJIT do not finalize tables.
local function finalize(self)
  local newproxy = rawget(_G, "newproxy")
  if not newproxy then return end
  self.proxy = newproxy(true)
  getmetatable(self.proxy).__gc = function() Cluster.__gc(self) end
end

local function new_cluster(options)
  labs = labs + 1
  local owner = uv.os_getpid()
  -- A pid is not unique: labs can run inside labs, each with its own pids.
  local id = ("%d.%d.%x"):format(owner, labs, uv.hrtime() % 2 ^ 32)
  local self = { nodes = options.nodes, id = id, owner = owner, output = options.output,
    daemons = {}, hosts = {}, children = {} }
  for node = 1, options.nodes do self.daemons[node] = Daemon.new(node, options.output) end
  return setmetatable(self, Cluster)
end

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
-- @tparam[opt=30] number options.timeout the longest wait in seconds
-- @tparam[opt] fun(node:integer,stream:string,line:string) options.output called for each line of a daemon's log
-- (stream "log") and of each program that has no `output` of its own ("out", "err")
-- @treturn Cluster
-- @error nil, message, code: "tools", "namespaces" or "network" (this machine lacks them), "not_running" (a daemon has
--   ended, the message quotes its log), "timeout"
function lab.start(options)
  if type(options) ~= "table" then options = { nodes = options } end
  check_start(options)
  local seconds = options.timeout or START
  local fine, message, code = requirements.check()
  if not fine then return nil, message, code end
  local self = new_cluster(options)
  self.namespaces, message, code = Namespaces.new(self.nodes, options.mtu or MTU, Daemon.configuration(options),
    environment(self), seconds)
  if not self.namespaces then return nil, message, code end
  finalize(self)
  fine, message, code = start_all(self, seconds)
  if fine then return self end
  self:stop()
  return nil, message, code
end

--- A running lab. Its fields are read-only. A lab ends when it is collected, or in Lua 5.4 when its to-be-closed
-- variable goes out of scope.
-- @type Cluster

--- The number of nodes.
-- @tfield integer nodes

--- The value of COROSYNC_LAB in the environment of all processes in the lab.
-- @tfield string id

--- Splits the network. The links stay up.
-- @tparam integer[] ... the groups: arrays of nodes. The nodes that are not named form one more group.
-- @treturn boolean true
-- @error nil, message, code: "network"
function Cluster:partition(...)
  local groups, bridge_of = { ... }, {}
  argcheck.check(#groups > 0, "groups", "partition", "expected at least one array of nodes")
  for number, group in ipairs(groups) do
    check_nodes(self, group, ("group %d"):format(number), "partition")
    for _, node in ipairs(group) do
      argcheck.check(not bridge_of[node], ("group %d"):format(number), "partition",
        ("node %d is named twice"):format(node))
      bridge_of[node] = number
    end
  end
  if self.is_stopped then return stopped("partition") end
  for node = 1, self.nodes do bridge_of[node] = bridge_of[node] or #groups + 1 end
  return self.namespaces:connect(bridge_of)
end

--- Reconnects the whole network.
-- @treturn boolean true
-- @error nil, message, code: "network"
function Cluster:heal()
  if self.is_stopped then return stopped("heal") end
  local bridge_of = {}
  for node = 1, self.nodes do bridge_of[node] = 0 end
  return self.namespaces:connect(bridge_of)
end

--- Disturbs a node's traffic in both directions by a queueing discipline of the kernel, or removes the discipline. The
-- link stays up and connected: partitions and disturbances are independent.
-- @tparam integer node
-- @tparam[opt] string discipline a root discipline for [tc](https://man7.org/linux/man-pages/man8/tc.8.html): "netem
--   loss 5% delay 20ms", if the kernel has netem, or "tbf rate 5mbit burst 10kb latency 50ms" for a slow link, which
--   drops packets that would wait longer. Without it, the present one is removed.
-- @treturn boolean true
-- @error nil, message, code: "network" (with tc's message)
function Cluster:disturb(node, discipline)
  check_node(self, node, "disturb")
  argcheck.check(discipline == nil or type(discipline) == "string" and discipline:find "^[^\n]*%S[^\n]*$",
    "discipline", "disturb", "expected one line for tc")
  if self.is_stopped then return stopped("disturb") end
  return self.namespaces:queue(node, discipline or "noqueue")
end

local function running_daemon(self, node, method)
  check_node(self, node, method)
  if self.is_stopped then return stopped(method) end
  local daemon = self.daemons[node]
  if daemon:is_alive() then return daemon end
  return nil, ("%s: the daemon of node %d is not running"):format(method, node), "not_running"
end

local function end_process(process, signal, seconds, what)
  process:kill(signal)
  if process:wait(seconds) then return true end
  return nil, ("%s (pid %d) did not exit within %g s of %s"):format(what, process.pid, seconds, signal:upper()),
    "timeout"
end

--- Kills a node's daemon by SIGKILL and waits for its exit.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 5 s)
function Cluster:kill(node)
  local daemon, message, code = running_daemon(self, node, "kill")
  if not daemon then return nil, message, code end
  return end_process(daemon.process, "sigkill", KILL, ("kill: the daemon of node %d"):format(node))
end

--- Kills a node's host by SIGKILL and waits for its exit. The host is the last program run there with the option
-- `host`.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 5 s)
function Cluster:kill_host(node)
  check_node(self, node, "kill_host")
  if self.is_stopped then return stopped("kill_host") end
  local host = self.hosts[node]
  if host and is_alive(host.process) then
    return end_process(host.process, "sigkill", KILL, ("kill_host: the host of node %d"):format(node))
  end
  return nil, ("kill_host: no host is running on node %d"):format(node), "not_running"
end

--- Stops a node's daemon by SIGTERM and waits for its exit. A paused one is resumed first.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 15 s)
function Cluster:stop_daemon(node)
  local daemon, message, code = running_daemon(self, node, "stop_daemon")
  if not daemon then return nil, message, code end
  daemon.process:kill("sigcont")
  return end_process(daemon.process, "sigterm", SHUTDOWN, ("stop_daemon: the daemon of node %d"):format(node))
end

--- Pauses a node's daemon by SIGSTOP and waits until it is stopped. Calls of its clients hang.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 5 s)
function Cluster:pause(node)
  local daemon, message, code = running_daemon(self, node, "pause")
  if not daemon then return nil, message, code end
  return daemon:set_stopped(true, KILL)
end

--- Continues a paused daemon by SIGCONT.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 5 s)
function Cluster:resume(node)
  local daemon, message, code = running_daemon(self, node, "resume")
  if not daemon then return nil, message, code end
  return daemon:set_stopped(false, KILL)
end

local function restart_host(self, node)
  local host = self.hosts[node]
  if not host or is_alive(host.process) then return true end
  local process, message, code = self:run(node, host.argv, host.options)
  if not process then return nil, message, code end
  return true, process
end

local function always() return true end

--- Starts a node's daemon, after killing a running one, and waits until it serves clients. Then starts the node's host
-- again if that has ended.
-- @tparam integer node
-- @treturn boolean true
-- @treturn corosync.lab.process|nil the host's process if one was started
-- @error nil, message, code: "not_running" (the new daemon has ended, the message quotes its log), "timeout" (after
--   30 s) or "spawn"
function Cluster:restart(node)
  check_node(self, node, "restart")
  if self.is_stopped then return stopped("restart") end
  local fine, message, code = true, nil, nil
  if self.daemons[node]:is_alive() then fine, message, code = self:kill(node) end
  if fine then fine, message, code = start_daemon(self, node) end
  if fine then fine, message, code = Daemon.wait_ready({ self.daemons[node] }, START, always, "restart") end
  if not fine then return nil, message, code end
  return restart_host(self, node)
end

--- Waits until a condition holds. It is checked after each event of the loop and at least every 20 ms.
-- @tparam fun():any predicate called without arguments; it may wait, as `command` does
-- @tparam number seconds the longest wait
-- @tparam[opt="condition"] string what the condition's name, for the message
-- @treturn boolean true
-- @error nil, message, code: "timeout"
function Cluster:wait_for(predicate, seconds, what) -- luacheck: ignore 212
  argcheck.check(type(predicate) == "function", "predicate", "wait_for", "expected a function")
  argcheck.seconds(seconds, "wait_for")
  argcheck.check(what == nil or type(what) == "string", "what", "wait_for", "expected a string")
  if wait.until_true(predicate, seconds) then return true end
  return nil, ("%s: timed out after %g s"):format(what or "condition", seconds), "timeout"
end

--- Starts a program in a node, as a client of its daemon.
-- @tparam integer node
-- @tparam string[] argv the program, looked up in PATH, and its arguments
-- @tparam[opt] table options
-- @tparam[opt] table<string,string> options.env values by name, added to the environment
-- @tparam[opt] string options.cwd the folder to start in; this program's own when absent
-- @tparam[opt] fun(line:string,stream:string) options.output called for each line; stream is "out" or "err"
-- @tparam[opt] fun(code:integer,signal:integer) options.exit called when the program has ended and all its output is
-- read
-- @tparam[opt=false] boolean options.host whether it becomes the node's host, for `kill_host` and `restart`
-- @treturn corosync.lab.process
-- @error nil, message, code: "spawn"
function Cluster:run(node, argv, options)
  check_node(self, node, "run")
  argcheck.argv(argv, "run")
  options = options or {}
  argcheck.options(options, RUN_OPTIONS, "run")
  for name, value in pairs(options.env or {}) do
    argcheck.check(type(name) == "string" and type(value) == "string", "options.env", "run",
      "expected a table of strings by name")
  end
  if self.is_stopped then return stopped("run") end
  local all = self.output
  local child, message, code = self.namespaces:spawn(node, argv, {
    env = environment(self, options.env), cwd = options.cwd, home = uv.cwd(), exit = options.exit,
    output = options.output or all and function(line, stream) all(node, stream, line) end,
  })
  if not child then return nil, message, code end
  if options.host then self.hosts[node] = { process = child, argv = argv, options = options } end
  return adopt(self, child)
end

--- Runs a program in a node to its end.
-- @tparam integer node
-- @tparam string[] argv as for `run`
-- @tparam[opt=10] number seconds the time after which it is killed
-- @treturn integer its exit code
-- @treturn string its standard output
-- @treturn string its standard error
-- @error nil, message, code: "timeout", "signal" (something killed it) or "spawn"
function Cluster:command(node, argv, seconds)
  check_node(self, node, "command")
  argcheck.argv(argv, "command")
  seconds = seconds or COMMAND
  argcheck.seconds(seconds, "command")
  if self.is_stopped then return stopped("command") end
  local child, message, code = self.namespaces:spawn(node, argv,
    { env = environment(self), home = uv.cwd(), raw = true })
  if not child then return nil, message, code end
  adopt(self, child):close_stdin()
  if not child:wait(seconds) then
    child:kill("sigkill")
    return nil, ("command: %s: timed out after %g s"):format(argv[1], seconds), "timeout"
  end
  if child.signal ~= 0 then
    return nil, ("command: %s: killed by signal %d"):format(argv[1], child.signal), "signal"
  end
  return child.code, table.concat(child.raw.out), table.concat(child.raw.err)
end

--- The nodes in the membership of a node's daemon. They are read from its log, so for a paused daemon they are the last
-- ones it logged.
-- @tparam integer node
-- @treturn integer[] their ids, sorted
-- @error nil, message, code: "not_running"
function Cluster:members(node)
  local daemon, message, code = running_daemon(self, node, "members")
  if not daemon then return nil, message, code end
  return copy(daemon.members)
end

-- The members that a node's daemon sees, as text.
local function sees(self, node)
  local members = self:members(node)
  return members and members[1] and table.concat(members, " ") or "nobody"
end

--- Waits until the membership of each node in a list is exactly that list.
-- @tparam integer[] node_list
-- @tparam number seconds the longest wait
-- @treturn boolean true
-- @error nil, message, code: "timeout"
function Cluster:wait_members(node_list, seconds)
  check_nodes(self, node_list, "node_list", "wait_members")
  argcheck.seconds(seconds, "wait_members")
  if self.is_stopped then return stopped("wait_members") end
  local wanted = copy(node_list)
  table.sort(wanted)
  local text = table.concat(wanted, " ")
  local ok, message, code = self:wait_for(function()
    for _, node in ipairs(wanted) do
      if sees(self, node) ~= text then return false end
    end
    return true
  end, seconds, ("members %s of each other"):format(text))
  if code == "timeout" then
    for _, node in ipairs(wanted) do
      message = ("%s; node %d sees %s"):format(message, node, sees(self, node))
    end
  end
  return ok, message, code
end

--- The log of a node's daemon, before and after restarts.
-- @tparam integer node
-- @treturn string lines, each with its newline
function Cluster:log(node)
  check_node(self, node, "log")
  return self.daemons[node]:log()
end

--- Ends all processes of the lab and waits for their exit. Further calls do nothing.
-- @treturn boolean true
-- @error nil, message, code: "timeout" (after 5 s)
function Cluster:stop()
  self.is_stopped = true
  local fine, message, code = self.namespaces:stop(KILL)
  if not fine then return nil, message, code end
  local function are_gone()
    for _, child in ipairs(self.children) do
      if not child.exited then return false end
    end
    return true
  end
  if wait.until_true(are_gone, KILL) then return true end
  return nil, ("stop: a program did not exit within %d s"):format(KILL), "timeout"
end

-- A finalizer cannot wait, and must not end the lab of a parent process after a fork.
function Cluster:__gc()
  if not self.is_stopped and self.namespaces and self.owner == uv.os_getpid() then self.namespaces:kill() end
end

Cluster.__close = Cluster.stop

return lab
