-- Shows, with plain C alone, that two members that go on together from the ring on which they met need not have
-- delivered the same messages: one that was cut into frames while the rings met is delivered to its sender, and not to
-- the other.
--
--   frames.lua PROGRAM [SIZE] [ROUNDS]
local lab = require "corosync.lab"

local program, size, rounds = arg[1], arg[2] or "30000", tonumber(arg[3] or 5)

-- Of lines: what was delivered on each ring that both were told of, by sender.
local function by_ring(lines)
  local rings, present = {}, nil
  for _, line in ipairs(lines) do
    local ring = line:match "^ring (.*)$"
    local sender, number = line:match "^message (%d+) (%d+)$"
    if ring then
      present = { count = 0 }
      rings[ring] = present
    elseif sender and present then
      present[sender .. " " .. number] = true
      present.count = present.count + 1
    end
  end
  return rings
end

-- What one has delivered on a ring and the other has not, but for the last ring, which is not over.
local function differences(one, other, last)
  local found = 0
  for ring, messages in pairs(one) do
    for message in pairs(other[ring] and ring ~= last and messages or {}) do
      if message ~= "count" and not other[ring][message] then
        print(("on ring %s: message %s is missing on the other node"):format(ring, message))
        found = found + 1
      end
    end
  end
  return found
end

local function last_ring(lines)
  local last
  for _, line in ipairs(lines) do
    last = line:match "^ring (.*)$" or last
  end
  return last
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
local first, second = by_ring(members[1].lines), by_ring(members[2].lines)
local found = differences(first, second, last_ring(members[1].lines))
  + differences(second, first, last_ring(members[2].lines))
print(("%d messages of %s bytes were delivered to one of two members that went on together"):format(found, size))
assert(cluster:stop())
os.exit(found > 0 and 0 or 1)
