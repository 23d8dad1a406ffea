-- Daemons that answer each other's requests to join without end and so come to no ring. Corosync does this by itself:
-- `make show-storm` shows it, docs/testing.md says why.
local wait = require "corosync.lab.wait"

local storm = {}

local MANY = 20 -- entries into totem's gather state in a second: a few where a ring is formed, thousands in a storm

--- One of totem's statistics.
-- @tparam corosync.lab.Cluster cluster
-- @tparam number node
-- @tparam string name what follows "stats.srp."
-- @treturn number or nil where the node's daemon does not answer
function storm.statistic(cluster, node, name)
  local code, out = cluster:command(node, { "corosync-cmapctl", "-m", "stats", "-g", "stats.srp." .. name }, 5)
  return code == 0 and tonumber(out:match "= (%d+)") or nil
end

local function gathers_in_a_second(cluster, node)
  local before = storm.statistic(cluster, node, "gather_entered")
  if not before then
    return 0
  end
  wait.pass(1)
  return (storm.statistic(cluster, node, "gather_entered") or before) - before
end

--- Whether there is such a storm.
-- @tparam corosync.lab.Cluster cluster
-- @treturn boolean
function storm.rages(cluster)
  for node = 1, cluster.nodes do
    if gathers_in_a_second(cluster, node) > MANY then
      return true
    end
  end
  return false
end

--- Ends it: all daemons that run are killed, then started.
-- @tparam corosync.lab.Cluster cluster
-- @treturn boolean true, or nil, message
function storm.calm(cluster)
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

return storm
