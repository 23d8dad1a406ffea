-- Shows, with plain C alone, that Corosync's daemons may free a message before all have it. When the next daemon does
-- not respond, a daemon sends the token again. The receiver of such a token frees all messages up to the number in the
-- token, which is that of its sender, not that of all. When the node that sent the message is then lost, no daemon can
-- send it to those that lack it.
--
--   freed.lua PROGRAM [SIZE] [ROUNDS]
--
-- The token goes from node 1 to 2 to 3. Node 1 is cut off for long enough that node 2 sends the token to node 3 again,
-- but not long enough for a token timeout; then node 2 is cut off, and nodes 1 and 3 continue together. It takes some
-- rounds to happen; the first such round is the last.
local deliveries = require "soak.deliveries"
local lab = require "corosync.lab"
local wait = require "corosync.lab.wait"

local program, size, rounds = arg[1], arg[2] or "200", tonumber(arg[3] or 40)
local ALONE = 0.5 -- seconds: with three nodes, the token is sent again after 0.39 s, and the token timeout is 1.65 s
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

-- An array of the messages that 3 delivered and 1 did not, on rings after which both continued on the same ring.
local function lost_by_node_1()
  local one, three = deliveries.by_ring(members[1].lines), deliveries.by_ring(members[3].lines)
  local lost = {}
  for ring, messages in pairs(three) do
    if one[ring] and one[ring].following == messages.following then
      assert(#deliveries.missing(one[ring], messages) == 0, "node 3 lacks messages, too")
      for _, message in ipairs(deliveries.missing(messages, one[ring])) do
        assert(message:match "^2 ", "node 1 lacks a message that node 2 did not send")
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
print(("round %d: %d messages of %s bytes were delivered on node 3, but not on node 1, which continued with it"):format(
  round, #lost, size))
assert(cluster:stop())
os.exit(#lost > 0 and 0 or 1)
