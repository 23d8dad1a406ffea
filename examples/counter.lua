-- A counter that is equal on all members. Each of them adds 1 every second and prints the sum.
--
--   cpgrun --lab 3 examples/counter.lua   then type:  partition({1,2},{3})   and later:  heal()
local replica = require "corosync.replica"
local app = assert(replica "counter")
local counter = app:machine("counter", {
  initial = function() return { sum = 0 } end,
  apply = function(state, command)
    state.sum = state.sum + command.add
    return state.sum
  end,
})

periodically(1, function()
  local sum, message = counter:submit { add = 1 }
  if sum then check.unique("sum", sum) end -- two equal sums: an addition was lost
  print(sum or message)
end)
