-- A service address: an IP address that is on one node, and moves to another when that node fails.
--
--   cpgrun examples/service_address.lua 10.0.0.50/24 eth0 [hold]      on each node, as root
--   cpgrun --lab 3 examples/service_address.lua                       then type:  kill_host(1)   partition({1},{2,3})
--
-- The lowest member of a side with quorum has it; nobody where Corosync has no quorum provider, since both sides of a
-- cut would take it. What must not happen is that two have it:
--
-- - When the network is cut, both sides notice that no token comes any more, within some tenths of a second of each
--   other. So the loser lets go by the first notice, and the winner waits until nothing has changed for `hold` seconds:
--   unless given, as long as Corosync takes to notice a cut. With its token at 1000 ms and three nodes, the address
--   goes 3.5 s after the cut and is back on the other side after 7.2 s.
-- - A script that is killed or stopped cannot let go. So the address is but lent: the kernel removes it when it has not
--   been renewed for LEASE seconds, which are less than `hold`.
-- - When Corosync hangs, nothing is noticed. So each renewal asks it first, hangs with it, and comes too late.
--
-- What this cannot help: a Corosync or a whole machine that was paused takes itself, when it goes on, for what it was
-- before, and may have the address together with its successor until it hears better; so may one that is so slow that
-- it notices a cut more than `hold` seconds after the others. Where two at a time would do harm, as two writers of one
-- disk do, the loser must be fenced: switched off before the winner takes over.
local corosync = require "corosync"
local uv = require "luv"

local LEASE, RENEWAL = 2, 0.5 -- seconds

local in_lab = os.getenv "COROSYNC_LAB" -- whose nodes have 10.9.0.1/24 and so on
local address, interface = arg[1] or in_lab and "10.9.0.50/24", arg[2] or in_lab and "eth0"
assert(address and interface, "usage: service_address.lua address/bits interface [hold]")
local bare = address:match "^[^/]+"

local function noticing_takes()
  local token, consensus = cmap:get "runtime.config.totem.token", cmap:get "runtime.config.totem.consensus"
  return ((token or 0) + (consensus or 0)) / 1000
end

-- The kernel may be a second late.
group.settle = math.max(tonumber(arg[3]) or noticing_takes(), LEASE + 1)

local COMMANDS = {
  [true] = { "addr", "replace", address, "dev", interface, "valid_lft", LEASE, "preferred_lft", LEASE },
  [false] = { "addr", "flush", "dev", interface, "to", bare }, -- unlike "del", content when it is not there
}

local wanted = false -- what was decided last
local present -- what the last command made of it
local busy = false -- a command runs: a second one could overtake it

local function spawn(program, arguments, stderr, done)
  local child, problem
  child, problem = uv.spawn(program, { args = arguments, stdio = { nil, nil, stderr } }, function(code)
    child:close()
    done(code ~= 0 and "exit code " .. code)
  end)
  if not child then
    done(problem)
  end
end

-- Neighbours remember who had the address. Without arping, they send to that one until they ask again.
local function announce()
  spawn("arping", { "-q", "-U", "-c", "2", "-I", interface, bare }, nil, function() end)
end

local function apply()
  if busy then
    return
  end
  local target = wanted
  busy = true
  spawn("ip", COMMANDS[target], 2, function(problem)
    busy = false
    if problem then
      io.stderr:write(("ip %s: %s\n"):format(table.concat(COMMANDS[target], " "), problem))
      corosync.loop.stop() -- who cannot do it leaves, and the next one leads
    elseif target ~= present then
      present = target
      print(address .. (target and " is here" or " is not here"))
      if target then
        announce()
      end
    end
    if target ~= wanted then
      apply()
    end
  end)
end

local function want(yes)
  if wanted ~= yes then
    wanted = yes
    apply()
  end
end

local function leads(members)
  table.sort(members)
  return members[1] == group:address()
end

function view_change(view)
  want(view.quorate == true and leads(view.members)) -- nil where Corosync has no quorum provider
end

function config_change(members)
  if not leads(members) then
    want(false)
  end
end

-- Corosync has gone, and who is left moves the address.
function disconnected()
  want(false)
end

function quorum_change(quorate)
  if not quorate then
    want(false)
  end
end

function started()
  apply() -- a predecessor may have left it
  uv.new_timer():start(0, 1000 * RENEWAL, function()
    if wanted and quorum:quorate() then
      apply()
    end
  end)
end

function stopping()
  view_change = nil -- nothing makes this node take it any more
  wanted = false
  apply()
  while busy do
    uv.run "once"
  end
end
