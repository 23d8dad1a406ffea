-- Shows, with Corosync's daemons alone, that they may form no ring although all links are up: they reply to each
-- other's join messages without end.
--
--   no_ring.lua [TRANSPORT]
local join_storm = require "cpgrun.check.join_storm"
local lab = require "corosync.lab"
local start_join_storm = require "soak.start_join_storm"

local SECONDS = 30

local cluster = assert(lab.start { nodes = 6, transport = arg[1] })
start_join_storm(cluster)

local function print_counts(state)
  for _, node in ipairs { 1, 2, 4, 5 } do
    print(("%s: node %d has entered totem's gather state %d times"):format(state, node,
      join_storm.statistic(cluster, node, "gather_entered")))
  end
end

print_counts "after the network has healed"
local is_ring, message = cluster:wait_members({ 1, 2, 4, 5 }, SECONDS)
print_counts(("after %g s more"):format(SECONDS))
print(is_ring and "They form one ring." or message)
assert(join_storm.stop(cluster))
assert(cluster:wait_members({ 1, 2, 4, 5 }, 30))
print "After a restart of all, they form one ring."
assert(cluster:stop())
os.exit(is_ring and 1 or 0)
