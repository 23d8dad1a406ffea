-- The demo: three real Corosync nodes that run member.lua; faults; and a comparison of the messages on all nodes.
quiet(true)

local began = os.time()

local function tell(format, ...)
  print(("%5ds  %s"):format(os.time() - began, format:format(...)))
end

local function messages(node)
  local list = {}
  for _, line in ipairs(output(node)) do
    list[#list + 1] = line:match "^message (.+)$"
  end
  return list
end

-- The nodes in the last configuration on a node, as text: "1 2 3".
local function sees(node)
  local last
  for _, line in ipairs(output(node)) do
    last = line:match "^config members (.-) left" or last
  end
  return last and (last:gsub("(%d+):%d+", "%1")) or ""
end

local function wait_until_seen(who, expected)
  wait_for(function()
    for _, node in ipairs(who) do
      if sees(node) ~= expected then
        return false
      end
    end
    return true
  end, 15, ("nodes %s to see members %s"):format(table.concat(who, ", "), expected))
end

local function wait_for_more(who, count)
  local before = {}
  for _, node in ipairs(who) do
    before[node] = #messages(node)
  end
  wait_for(function()
    for _, node in ipairs(who) do
      if #messages(node) < before[node] + count then
        return false
      end
    end
    return true
  end, 15, ("%d more messages on nodes %s"):format(count, table.concat(who, ", ")))
end

-- Two nodes agree when their common messages are in the same order on both, and none comes twice.
local function positions(list)
  local position = {}
  for i, message in ipairs(list) do
    assert(not position[message], "seen twice: " .. message)
    position[message] = i
  end
  return position
end

local function compare(one, other)
  local position, last, common = positions(messages(other)), 0, 0
  positions(messages(one))
  for _, message in ipairs(messages(one)) do
    local at = position[message]
    if at then
      assert(at > last, ("nodes %d and %d disagree at %s"):format(one, other, message))
      last, common = at, common + 1
    end
  end
  return common
end

tell("three Corosync nodes are up; each sends 50 numbered messages a second to all")
wait_until_seen({ 1, 2, 3 }, "1 2 3")
wait_for_more({ 1, 2, 3 }, 100)
tell("node 1 has seen %d messages, node 2 %d, node 3 %d", #messages(1), #messages(2), #messages(3))

tell("node 2's machine dies: its Corosync and its script are killed")
kill_host(2)
kill(2)
wait_until_seen({ 1, 3 }, "1 3")
tell("nodes 1 and 3 saw node 2 leave at the same point in the order")
wait_for_more({ 1, 3 }, 50)

tell("node 2 restarts")
restart(2)
wait_until_seen({ 1, 2, 3 }, "1 2 3")
wait_for_more({ 1, 2, 3 }, 50)
tell("all three see each other again")

tell("the network splits: 1 and 2 on one side, 3 alone on the other")
partition({ 1, 2 }, { 3 })
wait_until_seen({ 1, 2 }, "1 2")
wait_until_seen({ 3 }, "3")
wait_for_more({ 1, 2, 3 }, 50)
tell("each side continues by itself")

tell("the network heals")
heal()
wait_until_seen({ 1, 2, 3 }, "1 2 3")
wait_for_more({ 1, 2, 3 }, 100)
tell("the sides have merged")

print ""
print "The messages on all nodes, compared:"
for node = 1, nodes do
  print(("  node %d delivered %d messages"):format(node, #messages(node)))
end
print "  (a node that was down or cut off has missed the messages sent meanwhile)"
for _, pair in ipairs { { 1, 2 }, { 1, 3 }, { 2, 3 } } do
  local common = compare(pair[1], pair[2])
  assert(common > 100, "too few messages in common")
  print(("  nodes %d and %d have %d in common, all in the same order"):format(pair[1], pair[2], common))
end
print "One order on every node, through all faults."
