-- The state of a group after an event of the node's log: all that a worker must know to begin there. Members are flat
-- arrays of node and pid, in order; changes are flat arrays of node, pid and reason.
local state = {}

local COUNTED = { change = true, start = true }

-- How many events of the group's order that is: all members have these. The others are known to each node by itself.
function state.count(kind, b)
  return kind == "messages" and b or COUNTED[kind] and 1 or 0
end

function state.new()
  return { up = false, number = 0, members = {} }
end

local function is_before(node, pid, other_node, other_pid)
  return node < other_node or node == other_node and pid < other_pid
end

local function insert(members, node, pid)
  local place = #members + 1
  while place > 1 and is_before(node, pid, members[place - 2], members[place - 1]) do
    place = place - 2
  end
  if members[place - 2] ~= node or members[place - 1] ~= pid then
    table.insert(members, place, pid)
    table.insert(members, place, node)
  end
end

local function without(members, left)
  local gone, rest = {}, {}
  for i = 1, #left, 3 do
    gone[left[i] .. ":" .. left[i + 1]] = true
  end
  for i = 1, #members, 2 do
    if not gone[members[i] .. ":" .. members[i + 1]] then
      rest[#rest + 1], rest[#rest + 2] = members[i], members[i + 1]
    end
  end
  return rest
end

local apply = {}

-- Members, the id of this node.
function apply.start(self, members, node)
  self.up, self.reason, self.members, self.node = true, nil, members, node
end

function apply.change(self, left, joined)
  self.members = without(self.members, left)
  for i = 1, #joined, 3 do
    insert(self.members, joined[i], joined[i + 1])
  end
end

-- The ring's node and seq, the ids of its nodes.
function apply.ring(self, node, seq, nodes)
  self.ring = { node, seq, nodes }
end

-- Whether it is quorate, or "unknown"; the ring's node and seq.
function apply.quorum(self, quorate, node, seq)
  self.quorum = { quorate, node, seq }
end

-- Why there is no connection, or false when no worker has wanted one.
function apply.down(self, reason)
  self.up, self.reason, self.members, self.ring, self.quorum = false, reason or nil, {}, nil, nil
end

-- A string of messages and their number.
function apply.messages() end

-- A place for a member is free.
function apply.vacancy() end

function state.apply(self, kind, a, b, c)
  self.number = self.number + state.count(kind, b)
  apply[kind](self, a, b, c)
end

-- Whether the event says nothing new.
function state.is_known(self, kind, a, b, c)
  local known = self[kind]
  if kind == "down" then
    return not self.up and (self.reason ~= nil or not a)
  elseif kind == "ring" then
    return known ~= nil and known[1] == a and known[2] == b
  elseif kind == "quorum" then
    return known ~= nil and known[1] == a and known[2] == b and known[3] == c
  end
  return false
end

return state
