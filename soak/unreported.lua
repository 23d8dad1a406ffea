-- Shows, with plain C alone, that Corosync does not report each ring to a group: it reports no ring that breaks while
-- its nodes are still exchanging the members of their groups.
--
--   unreported.lua PROGRAM [SIZE] [ROUNDS]
--
-- Node 3 is cut off and reconnected; as soon as there is a ring of all three nodes, its daemon is paused.
local lab = require "corosync.lab"

local program, size, rounds = arg[1], arg[2] or "200", tonumber(arg[3] or 3)

local formed = {} -- on node 1, as "NODE SEQ"

local function note_formed(node, _, line)
  local representative, seq = line:match "A new membership %((%d+)%.(%x+)%)"
  if node == 1 and seq then
    formed[#formed + 1] = ("%s %d"):format(representative, tonumber(seq, 16))
  end
end

local cluster = assert(lab.start { nodes = 3, output = note_formed })
local members = {}
for node = 1, 3 do
  members[node] = assert(cluster:run(node, { program, size }))
end
assert(cluster:wait_members({ 1, 2, 3 }, 30))
local first = #formed

for _ = 1, rounds do
  assert(cluster:partition({ 1, 2 }, { 3 }))
  assert(cluster:wait_members({ 1, 2 }, 30))
  assert(cluster:wait_members({ 3 }, 30))
  local before = #formed
  assert(cluster:heal())
  assert(cluster:wait_for(function() return #formed > before end, 30, "a ring of all"))
  assert(cluster:pause(3))
  assert(cluster:wait_for(function() return #formed > before + 1 end, 30, "a ring without node 3"))
  assert(cluster:resume(3))
  assert(cluster:wait_members({ 1, 2, 3 }, 30))
end

local function reported_rings()
  local rings = {}
  for _, line in ipairs(members[1].lines) do
    rings[line:match "^ring (.*)$" or ""] = true
  end
  return rings
end

assert(cluster:wait_for(function() return reported_rings()[formed[#formed]] end, 30, "the report of the last ring"))
local rings, unreported = reported_rings(), 0
for i = first + 1, #formed do
  if not rings[formed[i]] then
    print(("ring %s was formed on node 1, but not reported to its group"):format(formed[i]))
    unreported = unreported + 1
  end
end
print(("%d of %d rings were not reported"):format(unreported, #formed - first))
assert(cluster:stop())
os.exit(unreported > 0 and 0 or 1)
