-- A replicated counter under load, for `cpgrun check`. Each member submits every 20 ms, and sometimes waits for a
-- barrier. The rule linearizable checks the replica's records. At the end, the members report the state that they had
-- at one index: that of the first command that a member has submitted after "settle". With the variable STORAGE, a
-- folder, members keep their state on disk, and have it again after they were killed.
local replica = require "corosync.replica"
local uv = require "luv"

local folder = os.getenv "STORAGE"
local storage = folder and ("%s/node%d.db"):format(folder, assert(cmap:get "runtime.votequorum.this_node_id"))
local app = assert(replica("soak", { patience = 3, timeout = 8, storage = storage }))
local counter = app:machine("counter", {
  initial = function() return { sum = 0, last = 0 } end,
  apply = function(state, command, at)
    if at <= state.last then
      error(("index %.0f came after %.0f"):format(at, state.last))
    end
    state.sum, state.last = state.sum + command.add, at
    if command.settles and not state.settled then
      state.settled = ("%.0f at %.0f"):format(state.sum, at)
    end
    return state.sum
  end,
})

local count, settles = 0, false
local timer = uv.new_timer()
timer:start(20, 20, function()
  if settles and counter.state.settled then
    print("settled " .. counter.state.settled)
    return timer:close()
  end
  count = count + 1
  counter:submit({ add = 1, settles = settles }, function() end)
  if count % 50 == 0 then
    app:barrier(function() end)
  end
end)

function line_received(line)
  if line == "settle" then
    settles = true
    print "settling"
  end
end
