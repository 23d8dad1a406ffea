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

local function round()
  assert(cluster:wait_members({ 1, 2, 3 }, 30))
  wait_for_messages()
  assert(cluster:partition({ 1 }, { 2, 3 }))
  wait.pass(ALONE)
  assert(cluster:partition({ 1, 3 }, { 2 }))
  assert(cluster:wait_members({ 1, 3 }, 30))
  wait_for_messages()
  assert(cluster:heal())
  return deliveries.missing(deliveries.by_ring(members[3].lines), deliveries.by_ring(members[1].lines),
    function(message, ring) print(("on ring %s: message %s is missing on node 1"):format(ring, message)) end)
end

local lost, count = 0, 0
while lost == 0 and count < rounds do
  count = count + 1
  lost = round()
end
print(("round %d: %d messages of %s bytes were delivered on node 3, and not on node 1, which went on with it"):format(
  count, lost, size))
assert(cluster:stop())
os.exit(lost > 0 and 0 or 1)
