-- A service address: an IP address that is on one node, and moves to another when that node fails.
--
--   cpgrun examples/service_address.lua 10.0.0.50/24 eth0 [hold]      on each node, as root
--   cpgrun --lab 3 examples/service_address.lua                       then type:  kill_host(1)   partition({1},{2,3})
--
-- The lowest member of the partition with quorum has it. Without a quorum provider no member has it, because both
-- partitions would take it. Two members must not have it at the same time:
--
-- - When the network splits, both partitions notice the missing token within some tenths of a second of each other. So
--   the loser removes the address at the first change, and the winner waits until nothing has changed for `hold`
--   seconds: by default the time that Corosync takes to notice a split. With its token at 1000 ms and three nodes, the
--   address is removed 3.5 s after the split and is on the other side after 7.2 s.
-- - A script that is killed or stopped cannot remove the address. So the kernel removes it when it was not renewed for
--   LEASE seconds, which is less than `hold`.
-- - When Corosync hangs, no change is reported. So each renewal calls it first, hangs with it, and comes too late.
--
-- This does not help when Corosync or the whole machine was paused: when it continues, it may keep the address together
-- with its successor until it learns of the change. The same holds for a node so slow that it notices a split more than
-- `hold` seconds after the others. If two owners at a time would do harm, like two writers of one disk, the loser must
-- be fenced: switched off before the winner takes over.
local corosync = require "corosync"
local uv = require "luv"

local LEASE, RENEWAL = 2, 0.5 -- seconds

local in_lab = os.getenv "COROSYNC_LAB" -- its nodes have 10.9.0.1/24, 10.9.0.2/24, …
local address, interface = arg[1] or in_lab and "10.9.0.50/24", arg[2] or in_lab and "eth0"
if not (address and interface) then
  io.stderr:write "usage: cpgrun examples/service_address.lua address/bits interface [hold]\n"
  os.exit(1)
end
local bare = address:match "^[^/]+"

local function notice_time()
  local token, consensus = cmap:get "runtime.config.totem.token", cmap:get "runtime.config.totem.consensus"
  return ((token or 0) + (consensus or 0)) / 1000
end

-- The kernel may remove the address a second late.
group.settle = math.max(tonumber(arg[3]) or notice_time(), LEASE + 1)

local COMMANDS = {
  [true] = { "addr", "replace", address, "dev", interface, "valid_lft", LEASE, "preferred_lft", LEASE },
  [false] = { "addr", "flush", "dev", interface, "to", bare }, -- unlike "del", succeeds without it
}

local wanted = false -- the last decision
local present -- the result of the last command
local busy = false -- a command is running: a second one could overtake it

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

-- Neighbours cache the old owner. Without arping, they send to it until the cache entry expires.
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
      corosync.loop.stop() -- leaves, so that the next member takes over
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

-- Corosync has stopped on this node; the other members move the address.
function disconnected()
  want(false)
end

function quorum_change(quorate)
  if not quorate then
    want(false)
  end
end

function started()
  apply() -- an earlier process may have left it
  uv.new_timer():start(0, 1000 * RENEWAL, function()
    if wanted and quorum:quorate() then
      apply()
    end
  end)
end

function stopping()
  view_change = nil -- so that this node does not take it again
  wanted = false
  apply()
  while busy do
    uv.run "once"
  end
end
