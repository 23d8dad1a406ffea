-- Shows, with plain C alone, that Corosync's daemons may free a message before all have it: a daemon that gets a token
-- again, because the next has not answered, frees what that token says all have, which is what its sender has. When
-- the sender's node is then gone, nobody can give it to who lacks it.
--
--   freed.lua PROGRAM [SIZE] [ROUNDS]
--
-- The token goes from node 1 to 2 to 3. Node 1 is alone for long enough for 2 to send 3 the token again, and too short
-- for anybody to be missed; then 2 is alone, and 1 and 3 go on together. It happens in one round of a few: the first in
-- which it does is the last.
local deliveries = require "soak.deliveries"
local lab = require "corosync.lab"
local wait = require "corosync.lab.wait"

local program, size, rounds = arg[1], arg[2] or "200", tonumber(arg[3] or 40)
local ALONE = 0.5 -- seconds: three nodes send a token again after 0.39 s, and miss one after 1.65 s
local SOME = 2000 -- messages

local cluster = assert(lab.start(3))
local members = {}
for node = 1, 3 do
  members[node] = assert(cluster:run(node, { program, size }))
end

local function wait_for_messages()
  local before = #members[3].lines
  assert(cluster:wait_for(function() return #members[3].lines > before + SOME end, 30, "messages"))
end

local function fault()
  assert(cluster:partition({ 1 }, { 2, 3 }))
  wait.pass(ALONE)
  assert(cluster:partition({ 1, 3 }, { 2 }))
  assert(cluster:wait_members({ 1, 3 }, 30))
end

-- What 3 was delivered on rings from which both went on to the same one, and 1 was not: an array.
local function lost_by_node_1()
  local one, three = deliveries.by_ring(members[1].lines), deliveries.by_ring(members[3].lines)
  local lost = {}
  for ring, messages in pairs(three) do
    if one[ring] and one[ring].following == messages.following then
      assert(#deliveries.missing(one[ring], messages) == 0, "node 3 lacks something, too")
      for _, message in ipairs(deliveries.missing(messages, one[ring])) do
        assert(message:match "^2 ", "what node 1 lacks is not of node 2")
        print(("on ring %s, before ring %s: message %s is missing on node 1"):format(ring, messages.following, message))
        lost[#lost + 1] = message
      end
    end
  end
  return lost
end

local lost, round = {}, 0
while #lost == 0 and round < rounds do
  round = round + 1
  assert(cluster:wait_members({ 1, 2, 3 }, 30))
  wait_for_messages()
  fault()
  wait_for_messages()
  lost = lost_by_node_1()
  assert(cluster:heal())
end
print(("round %d: %d messages of %s bytes were delivered on node 3, and not on node 1, which went on with it"):format(
  round, #lost, size))
assert(cluster:stop())
os.exit(#lost > 0 and 0 or 1)
