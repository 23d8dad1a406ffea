-- Leads six daemons, and nothing but daemons, to a storm of requests to join.
--
-- Each half of a split network has lost a member and holds it for failed, but another one does not answer, so that
-- the half is no ring yet. When the halves meet now, each names a failed member that the other does not, and neither
-- takes the other's word: a daemon takes that of its last ring's members alone. It answers each request by its own, at
-- once, and its time to wait for an agreement begins anew, so that it is never up.
local storm = require "cpgrun.storm"

local function await(cluster, what, predicate)
  assert(cluster:wait_for(predicate, 30, what))
end

local function has_grown(cluster, nodes, name, by)
  local before = {}
  for _, node in ipairs(nodes) do
    before[node] = assert(storm.statistic(cluster, node, name))
  end
  return function()
    for _, node in ipairs(nodes) do
      if storm.statistic(cluster, node, name) < before[node] + by then
        return false
      end
    end
    return true
  end
end

return function(cluster)
  assert(cluster:partition({ 1, 2, 3 }, { 4, 5, 6 }))
  assert(cluster:wait_members({ 1, 2, 3 }, 30))
  assert(cluster:wait_members({ 4, 5, 6 }, 30))
  local are_gathering = has_grown(cluster, { 1, 2, 4, 5 }, "memb_join_rx", 4)
  assert(cluster:kill(3))
  assert(cluster:kill(6))
  await(cluster, "the members that are left ask each other to join", are_gathering)
  local have_failed_one = has_grown(cluster, { 1, 4 }, "consensus_timeouts", 1)
  assert(cluster:pause(2))
  assert(cluster:pause(5))
  await(cluster, "the killed ones count as failed", have_failed_one)
  local are_answering = has_grown(cluster, { 1, 4 }, "gather_entered", 100)
  assert(cluster:heal())
  await(cluster, "requests to join are answered by such", are_answering)
  assert(cluster:resume(2))
  assert(cluster:resume(5))
end
