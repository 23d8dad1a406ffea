-- Shows, with plain C alone, that two members that continue together from a merged ring may not have delivered the same
-- messages: a message that was cut into frames during the merge is delivered to its sender, but not to the other
-- member.
--
--   frames.lua PROGRAM [SIZE] [ROUNDS]
local deliveries = require "soak.deliveries"
local lab = require "corosync.lab"

local program, size, rounds = arg[1], arg[2] or "30000", tonumber(arg[3] or 5)

-- The messages that one delivered and the other did not, on rings that were reported to both.
local function differences(one, other)
  local count = 0
  for ring, messages in pairs(one) do
    for _, message in ipairs(other[ring] and deliveries.missing(messages, other[ring]) or {}) do
      print(("on ring %s: message %s is missing on the other node"):format(ring, message))
      count = count + 1
    end
  end
  return count
end

local cluster = assert(lab.start(2))
local members = {}
for node = 1, 2 do
  members[node] = assert(cluster:run(node, { program, size }))
end
for _ = 1, rounds do
  assert(cluster:wait_members({ 1, 2 }, 30))
  assert(cluster:partition({ 1 }, { 2 }))
  assert(cluster:wait_members({ 1 }, 30))
  assert(cluster:wait_members({ 2 }, 30))
  assert(cluster:heal())
end
assert(cluster:wait_members({ 1, 2 }, 30))
assert(cluster:partition({ 1 }, { 2 }))
assert(cluster:wait_members({ 1 }, 30))
local first, second = deliveries.by_ring(members[1].lines), deliveries.by_ring(members[2].lines)
local found = differences(first, second) + differences(second, first)
print(("%d messages of %s bytes were delivered to one of two members that went on together"):format(found, size))
assert(cluster:stop())
os.exit(found > 0 and 0 or 1)
