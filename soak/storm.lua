-- Shows, with Corosync's daemons alone, that they may come to no ring although all links are whole: they answer each
-- other's requests to join without end.
--
--   storm.lua [TRANSPORT]
local gather = require "soak.gathering"
local lab = require "corosync.lab"
local storm = require "cpgrun.storm"

local SECONDS = 30

local cluster = assert(lab.start { nodes = 6, transport = arg[1] })
gather(cluster)

local function tell(state)
  for _, node in ipairs { 1, 2, 4, 5 } do
    print(("%s: node %d has entered totem's gather state %d times"):format(state, node,
      storm.statistic(cluster, node, "gather_entered")))
  end
end

tell "when the network is whole"
local is_ring, message = cluster:wait_members({ 1, 2, 4, 5 }, SECONDS)
tell(("after %g s more"):format(SECONDS))
print(is_ring and "They are one ring." or message)
assert(storm.calm(cluster))
assert(cluster:wait_members({ 1, 2, 4, 5 }, 30))
print "When all were killed and started, they were one ring."
assert(cluster:stop())
os.exit(is_ring and 1 or 0)
