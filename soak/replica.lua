-- A replicated counter under load, for `cpgrun check`. Each member submits every 20 ms, and sometimes waits for a
-- barrier. The rule linearizable checks the replica's records.
local replica = require "corosync.replica"
local uv = require "luv"

local app = assert(replica("soak", { patience = 3, timeout = 8 }))
local counter = app:machine("counter", {
  initial = function() return { sum = 0, last = 0 } end,
  apply = function(state, command, at)
    if at <= state.last then
      error(("index %.0f came after %.0f"):format(at, state.last))
    end
    state.sum, state.last = state.sum + command.add, at
    return state.sum
  end,
})

local count = 0
uv.new_timer():start(20, 20, function()
  count = count + 1
  counter:submit({ add = 1 }, function() end)
  if count % 50 == 0 then
    app:barrier(function() end)
  end
end)
