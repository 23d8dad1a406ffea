-- A node is cut off and comes back. Prints the time from the view to ready on the members that have the state.
local holders = require "bench.replica.holders"
local settings = require "bench.replica.settings"
local tables = require "bench.replica.tables"

local LIMIT = 0.05 -- seconds

local function measure(cluster, lua)
  local all, cut, back = holders.start(cluster, settings.nodes, lua, 0), {}, {}
  local both = { all[1], all[2] }
  for i = 1, settings.pairs do
    holders.forget_ready(all)
    assert(cluster:partition { 1, 2 })
    holders.wait_ready(cluster, both, 2)
    cut[i] = holders.longest(both, "ready_after")
    holders.forget_ready(all)
    assert(cluster:heal())
    holders.wait_ready(cluster, all, 3)
    back[i] = holders.longest(both, "ready_after")
  end
  holders.end_all(all)
  return cut, back
end

return function(cluster)
  tables.print_time_head "From the view of a change to ready, with a small state"
  for _, lua in ipairs(settings.luas) do
    local cut, back = measure(cluster, lua)
    tables.print_time(lua.name .. ", a node is cut off", cut, LIMIT)
    tables.print_time(lua.name .. ", it comes back", back, LIMIT)
  end
  print ""
end
