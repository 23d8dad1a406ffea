-- Starts a storm of totem's join messages among six daemons, without any client.
--
-- Each half of a split network has lost a member and considers it failed, but another member does not reply, so that
-- the half has no ring yet. When the halves meet now, each has a failed member that the other has not, and neither
-- accepts the other's list: a daemon accepts only those of its last ring's members. It replies to each join message
-- with its own at once and restarts its consensus timeout, which therefore never expires.
local join_storm = require "cpgrun.check.join_storm"

local function await(cluster, what, predicate)
  assert(cluster:wait_for(predicate, 30, what))
end

local function has_grown(cluster, nodes, name, by)
  local before = {}
  for _, node in ipairs(nodes) do
    before[node] = assert(join_storm.statistic(cluster, node, name))
  end
  return function()
    for _, node in ipairs(nodes) do
      if join_storm.statistic(cluster, node, name) < before[node] + by then
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
  await(cluster, "join messages between the remaining members", are_gathering)
  local have_failed_one = has_grown(cluster, { 1, 4 }, "consensus_timeouts", 1)
  assert(cluster:pause(2))
  assert(cluster:pause(5))
  await(cluster, "the killed members count as failed", have_failed_one)
  local are_replying = has_grown(cluster, { 1, 4 }, "gather_entered", 100)
  assert(cluster:heal())
  await(cluster, "replies to join messages", are_replying)
  assert(cluster:resume(2))
  assert(cluster:resume(5))
end
