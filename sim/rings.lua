-- Rings: how they form, and which messages are lost or cut then. The nodes of a ring are a component, a set of ids.
local sets = require "sim.sets"

local rings = {} -- methods of World

-- When a ring ends, a node may lack the last messages of nodes that have gone: from the first one missing on it
-- delivers only those of nodes that stay with it. So a node that is alone may be the only one that delivers its own
-- last messages.
local function lose_last_messages(self, node, component)
  if #node.backlog == 0 or not self:chance(self.options.lost) then
    return
  end
  local kept, first = {}, self.random(#node.backlog)
  for i, waiting in ipairs(node.backlog) do
    local sender = waiting.item.node
    if i < first or not sender or component[sender] then
      kept[#kept + 1] = waiting
    end
  end
  node.backlog = kept
end

-- Returns the nodes that come from other rings, and how many of this node's messages each of them misses: the one that
-- this node was sending when the rings met, and those that follow until a frame begins with a message, at most all that
-- wait.
local function strangers_of(self, node, component)
  local strangers
  for _, id in ipairs(sets.sorted_keys(component)) do
    if not node.component[id] and #node.outgoing > 0 and self:chance(80) then
      strangers = strangers or {}
      strangers[id] = self.random(self.options.cut)
    end
  end
  return strangers
end

local function announce(self, component, peers, ring)
  local members = self:members(component)
  for _, node in ipairs(peers) do
    self:append(node, { kind = "nodes", members = members, ring = ring,
      one_by_one = self:chance(self.options.one_by_one), unreported = self:chance(self.options.unreported) })
  end
end

-- The number of a ring is greater than any that its nodes remember.
local function next_seq(self, component)
  local seq = 0
  for id in pairs(component) do
    seq = math.max(seq, self.nodes[id].seq)
  end
  return seq + 4
end

-- Forms rings of these components: sets of node ids.
function rings:form(components)
  for _, component in ipairs(components) do
    local ids, strangers, peers = sets.sorted_keys(component), {}, {}
    for _, id in ipairs(ids) do
      lose_last_messages(self, self.nodes[id], component)
      strangers[id] = strangers_of(self, self.nodes[id], component)
    end
    local ring = { node = ids[1], seq = next_seq(self, component) }
    for i, id in ipairs(ids) do
      local node = self.nodes[id]
      peers[i] = node
      node.component, node.peers, node.ring, node.strangers, node.seq = component, peers, ring, strangers[id], ring.seq
    end
    announce(self, component, peers, ring)
  end
end

-- Splits the nodes into two or three parts at random.
function rings:partition()
  local parts = {}
  local count = self:chance(80) and 2 or 3
  for id in ipairs(self.nodes) do
    local part = self.random(count)
    parts[part] = parts[part] or {}
    parts[part][id] = true
  end
  local components = {}
  for _, part in ipairs(sets.sorted_keys(parts)) do
    components[#components + 1] = parts[part]
  end
  self:form(components)
end

-- Returns the present components, each once.
function rings:components()
  local seen, found = {}, {}
  for _, node in ipairs(self.nodes) do
    if not seen[node.component] then
      seen[node.component] = true
      found[#found + 1] = node.component
    end
  end
  return found
end

-- One node moves to another component, or becomes alone; the other components stay as they are.
function rings:move(id)
  local old = self.nodes[id].component
  local others = sets.difference(self:components(), { old })
  local target = others[self.random(#others + 1)] or {}
  local rest, joined = sets.without(old, { [id] = true }), { [id] = true }
  for other in pairs(target) do
    joined[other] = true
  end
  if next(rest) or next(target) then
    self:form(next(rest) and { joined, rest } or { joined })
  end
end

function rings:heal()
  local all = {}
  for id in ipairs(self.nodes) do
    all[id] = true
  end
  self:form { all }
end

return rings
