-- A member with a large state, for holders.lua. It submits a command every 2 ms, and measures the longest time between
-- two confirmations and the longest turn of its loop. On SIGUSR1 it prints both and begins again. Turns are measured in
-- CPU time, because other processes need the processors, too. Start a learner with 0 MB: it would drop a state of its
-- own, and building that is not a turn of the loop. Each change of the status is printed as "status STATUS FULL
-- REASON", where FULL is the number of full members.
--
--   holder.lua NAME MEGABYTES
local core = require "corosync.core"
local corosync = require "corosync"
local transfers = require "corosync.replica.member.transfers"
local uv = require "luv"

local name, megabytes = arg[1], tonumber(arg[2])
local now = core.now
local viewed_at, confirmed_at, turned_at = now(), nil, nil
local longest_pause, longest_turn = 0, 0

io.stdout:setvbuf "line"

-- Prints "donor" when it begins to send a snapshot.
local make_outgoing = transfers.outgoing
function transfers.outgoing(...)
  local outgoing = make_outgoing(...)
  local start = outgoing.start
  function outgoing.start(...)
    print "donor"
    return start(...)
  end
  return outgoing
end

local function initial()
  local state = { commands = 0, entries = {} }
  for i = 1, megabytes * 1000 do
    state.entries[i] = ("%010d"):format(i):rep(100) -- Lua 5.1 and LuaJIT hash only some bytes of a string
  end
  return state
end

local app = assert(corosync.replica(name, {
  ready = function()
    confirmed_at = nil
    print(("ready %.6f"):format(now() - viewed_at))
  end,
  error = function(message) io.stderr:write(message, "\n") end,
}))
local machine = app:machine("state", {
  initial = initial,
  apply = function(state) state.commands = state.commands + 1 end,
})

assert(corosync.loop.add(corosync.group(name .. ".views", { view_change = function() viewed_at = now() end })))

local is_waiting = false

local function submit()
  is_waiting = true
  machine:submit("x", function(result)
    is_waiting = false
    if result then
      longest_pause = math.max(longest_pause, confirmed_at and now() - confirmed_at or 0)
      confirmed_at = now()
    end
  end)
end

local printed

local function print_status(status, full, why)
  local line = ("status %s %d %s"):format(status, #full, why or "")
  if line ~= printed then
    printed = line
    print(line)
  end
end

local timer, ticks = uv.new_timer(), 0
timer:start(1, 1, function()
  longest_turn, turned_at, ticks = math.max(longest_turn, os.clock() - turned_at), os.clock(), ticks + 1
  if ticks % 2 == 0 then
    local status, _, _, full, _, why = app:status()
    print_status(status, full, why)
    if not is_waiting and status == "ready" then
      submit()
    end
  end
end)

local signal = uv.new_signal()
signal:start("sigusr1", function()
  print(("longest %.6f %.6f"):format(longest_pause, longest_turn))
  longest_pause, longest_turn, confirmed_at, turned_at = 0, 0, nil, os.clock()
end)
turned_at = os.clock()
corosync.loop.run()
