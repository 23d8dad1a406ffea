-- One address for each node: of the member with the lowest pid. Which member that is depends on the members alone, so
-- all nodes see the same address at each point of the order.
local core = require "corosync.binding"

local Addresses = {}
Addresses.__index = Addresses

-- Of this worker: the same table for the same member.
local known = setmetatable({}, { __mode = "v" })

local function address(node, pid)
  local name = node .. ":" .. pid
  local found = known[name]
  if not found then
    found = core.cpg.new_address(node, pid)
    known[name] = found
  end
  return found
end

-- The members (flat, in order) are now these.
function Addresses:set(members)
  local list, by_node = {}, {}
  for i = 1, #members, 2 do
    local node, pid = members[i], members[i + 1]
    if not by_node[node] then
      by_node[node] = address(node, pid)
      list[#list + 1] = by_node[node]
    end
  end
  self._list, self._by_node = list, by_node
end

-- The addresses of all nodes, in a table that the caller may keep.
function Addresses:all()
  local copy = {}
  for i, each in ipairs(self._list) do
    copy[i] = each
  end
  return copy
end

-- Of a node. A message may arrive after its sender's node has gone only if the log has a gap.
function Addresses:of(node, pid)
  return self._by_node[node] or pid and address(node, pid)
end

local function reasons(changes)
  local by_name = {}
  for i = 1, #changes, 3 do
    by_name[changes[i] .. ":" .. changes[i + 1]] = changes[i + 2]
  end
  return by_name
end

-- Those in `list` that are not in the present list of `other`, with the reason for their change.
local function missing(list, other, changes, default)
  local found, why = {}, reasons(changes)
  for _, each in ipairs(list) do
    if other._by_node[each.node] ~= each then
      each.reason = why[tostring(each)] or default
      found[#found + 1] = each
    end
  end
  return found
end

-- After a change: the addresses that are gone, and the new ones. A node's address also changes when a member with a
-- lower pid joins.
function Addresses:differences(previous, left, joined)
  return missing(previous._list, self, left, "leave"), missing(self._list, previous, joined, "join")
end

local function new(members)
  local self = setmetatable({}, Addresses)
  self:set(members)
  return self
end

return { new = new }
