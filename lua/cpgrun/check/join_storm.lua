-- A storm of totem's join messages: daemons reply to each other's without end and form no ring. This is a fault of
-- Corosync: `make show-storm` shows it, docs/testing.md explains it.
local wait = require "corosync.lab.wait"

local join_storm = {}

local MANY = 20 -- entries into totem's gather state in a second: a few when a ring forms, thousands in a storm

--- Returns one of totem's statistics.
-- @tparam corosync.lab.Cluster cluster
-- @tparam number node
-- @tparam string name the key without "stats.srp."
-- @treturn number, or nil when the node's daemon does not reply
function join_storm.statistic(cluster, node, name)
  local code, out = cluster:command(node, { "corosync-cmapctl", "-m", "stats", "-g", "stats.srp." .. name }, 5)
  return code == 0 and tonumber(out:match "= (%d+)") or nil
end

local function gathers_in_a_second(cluster, node)
  local before = join_storm.statistic(cluster, node, "gather_entered")
  if not before then
    return 0
  end
  wait.pass(1)
  return (join_storm.statistic(cluster, node, "gather_entered") or before) - before
end

--- Whether there is a storm.
-- @tparam corosync.lab.Cluster cluster
-- @treturn boolean
function join_storm.is_on(cluster)
  for node = 1, cluster.nodes do
    if gathers_in_a_second(cluster, node) > MANY then
      return true
    end
  end
  return false
end

--- Ends it: kills all running daemons, then starts them.
-- @tparam corosync.lab.Cluster cluster
-- @treturn boolean true, or nil, message
function join_storm.stop(cluster)
  local killed = {}
  for node = 1, cluster.nodes do
    if cluster:members(node) then
      local ok, message = cluster:kill(node)
      if not ok then
        return nil, message
      end
      killed[#killed + 1] = node
    end
  end
  for _, node in ipairs(killed) do
    local ok, message = cluster:restart(node)
    if not ok then
      return nil, message
    end
  end
  return true
end

return join_storm
