-- A model of Corosync's groups with the anomalies that docs/testing.md describes. All random choices come from one
-- function, so a seed repeats a run.
--
-- A message waits in its node's `outgoing` until `order` gives it a place on the node's ring. Then it waits in the
-- `backlog` of each node of the ring until `hand_over` puts it into the inboxes of that node's processes, where
-- `deliver` takes it.
local delivery = require "sim.delivery"
local sets = require "sim.sets"

local model = {}

local World = {}
World.__index = World

-- `random(n)` returns an integer from 1 to n. `options`: the percentages of the anomalies, how many messages are cut
-- when rings meet, the seconds until a view comes, and how many nodes make a quorum (default: a majority).
function model.new(node_count, random, options)
  local self = setmetatable({
    random = random, options = options, nodes = {}, processes = {}, now = 1000,
  }, World)
  for _ = 1, node_count do
    self:add_node(node_count)
  end
  self:heal()
  return self
end

-- Adds a node whose nodelist has `listed` nodes, and returns it. It has no ring yet.
function World:add_node(listed)
  local id = #self.nodes + 1
  self.nodes[id] = { id = id, listed = listed, seq = 0, component = { [id] = true }, outgoing = {}, backlog = {},
    processes = {} }
  return self.nodes[id]
end

-- Removes the last node, which is then in no nodelist any more. What it has stored is lost.
function World:remove_node()
  self:lose_power { [#self.nodes] = true }
  local node = table.remove(self.nodes)
  if node.disk then
    node.disk:wipe()
  end
end

function World:chance(percent)
  return self.random(100) <= percent
end

-- Returns the processes of a component (the nodes of one ring) that are members, living ones or ghosts.
function World:members(component)
  local found = {}
  for _, process in ipairs(self.processes) do
    if process.joined and component[process.node] then
      found[#found + 1] = process.address
    end
  end
  table.sort(found)
  return found
end

-- Returns the processes of a node that receive a message that is ordered now. `receivers` keeps them until `changed` is
-- called.
local function receivers(node)
  local found = {}
  for _, process in ipairs(node.processes) do
    if process.joined and process.alive and process.life == process.joined_life then
      found[#found + 1] = { process = process, life = process.life }
    end
  end
  node.receivers = found
  return found
end

-- A process of a node has joined, left or died.
local function changed(self, id)
  self.nodes[id].receivers = nil
end

-- Appends an item to the backlog of a node.
local function append(node, item)
  item.to = node.receivers or receivers(node)
  node.backlog[#node.backlog + 1] = item
end

-- ---- messages ----

-- Sends a message. Without a connection it is lost.
function World:send(process, message)
  if not process.connected then
    return
  end
  local outgoing = self.nodes[process.node].outgoing
  outgoing[#outgoing + 1] = { from = process.address, message = message }
end

-- Whether a node misses a message of another.
local function is_missed(strangers, node)
  local count = strangers[node.id]
  if count then
    strangers[node.id] = count > 1 and count - 1 or nil
  end
  return count ~= nil
end

-- Gives the oldest outgoing message of a node its place in the order of its ring. Returns whether there was one.
function World:order(id)
  local sender = self.nodes[id]
  local item = sender.outgoing[1]
  if not item then
    return false
  end
  table.remove(sender.outgoing, 1)
  if item.who then
    self:order_process(id, item)
  else
    local strangers = sender.strangers
    for _, node in ipairs(sender.peers) do
      if not strangers or not is_missed(strangers, node) then
        append(node, { kind = "message", from = item.from, message = item.message, node = id })
      end
    end
  end
  if #sender.outgoing == 0 then
    sender.strangers = nil
  end
  return true
end

-- ---- rings ----

-- When a ring ends, a node may lack the last messages of nodes that have gone: from the first one missing on it
-- delivers only those of nodes that stay with it. So a node that is alone may be the only one that delivers its own
-- last messages.
local function lose_last_messages(self, node, component)
  if #node.backlog == 0 or not self:chance(self.options.lost) then
    return
  end
  local kept, first = {}, self.random(#node.backlog)
  for i, item in ipairs(node.backlog) do
    if i < first or not item.node or component[item.node] then
      kept[#kept + 1] = item
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
    append(node, { kind = "nodes", members = members, ring = ring, one_by_one = self:chance(self.options.one_by_one),
      untold = self:chance(self.options.untold) })
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
function World:form(components)
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
function World:partition()
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
local function components_of(self)
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
function World:move(id)
  local old = self.nodes[id].component
  local others = sets.difference(components_of(self), { old })
  local target = others[self.random(#others + 1)] or {}
  local rest, joined = {}, { [id] = true }
  for other in pairs(old) do
    rest[other] = other ~= id or nil
  end
  for other in pairs(target) do
    joined[other] = true
  end
  if next(rest) or next(target) then
    self:form(next(rest) and { joined, rest } or { joined })
  end
end

function World:heal()
  local all = {}
  for id in ipairs(self.nodes) do
    all[id] = true
  end
  self:form { all }
end

-- ---- processes ----

-- Sends a node's message that one of its processes has joined or left.
local function announce_process(self, process, kind)
  table.insert(self.nodes[process.node].outgoing, { kind = kind, who = process, life = process.life })
end

local ordering = {}

function ordering.join(self, process, life)
  if process.life == life then
    process.joined, process.joined_life, process.listed = true, life, {}
    process.first = self:members(self.nodes[process.node].component)
  end
end

function ordering.leave(_, process)
  process.joined = false
end

-- Puts a process's joining or leaving into the order.
function World:order_process(id, item)
  ordering[item.kind](self, item.who, item.life)
  changed(self, id)
  local sender = self.nodes[id]
  for _, node in ipairs(sender.peers) do
    if not sender.strangers or not is_missed(sender.strangers, node) then
      append(node, { kind = item.kind, who = item.who, address = item.who.address, node = id, ring = sender.ring })
    end
  end
end

function World:join(process)
  process.connected, process.settling, process.life = true, nil, (process.life or 0) + 1
  changed(self, process.node)
  announce_process(self, process, "join")
end

-- Starts a process on a node. An observer uses no storage.
function World:start(id, is_observer)
  local process = { node = id, address = id .. ":" .. (100 + #self.processes), inbox = {}, alive = true }
  self.processes[#self.processes + 1] = process
  process.disk = not is_observer and self.nodes[id].disk or nil
  if process.disk then
    process.disk.user, process.wipes = process, process.disk.wipes
  end
  table.insert(self.nodes[id].processes, process)
  self:join(process)
  return process
end

-- A process leaves, or loses its connection. What it has not read is gone.
function World:leave(process)
  if process.connected then
    process.connected, process.inbox, process.settling, process.life = false, {}, nil, process.life + 1
    changed(self, process.node)
    announce_process(self, process, "leave")
  end
end

function World:rejoin(process)
  self:leave(process)
  self:join(process)
end

local function die(process)
  process.alive = false
  if process.disk then
    process.disk:crash()
    process.disk.user = nil
  end
end

-- A process dies. Its messages that have no place in the order yet may still arrive. A ghost remains a member.
function World:kill(process, is_ghost)
  die(process)
  changed(self, process.node)
  if not is_ghost then
    self:leave(process)
  end
end

-- The Corosyncs of nodes die, and what they had not sent is lost. Each of these nodes is then alone on its ring. A
-- process that `reads_ahead` handles later what Corosync had sent to it.
function World:lose_corosync(ids)
  local components = {}
  for _, component in ipairs(components_of(self)) do
    local rest = {}
    for id in pairs(component) do
      rest[id] = not ids[id] or nil
    end
    components[#components + 1] = next(rest) and rest
  end
  for _, id in ipairs(sets.sorted_keys(ids)) do
    local node = self.nodes[id]
    for _, process in ipairs(node.processes) do
      process.connected, process.joined, process.life = false, false, process.life + 1
      process.inbox, process.settling = process.reads_ahead and process.inbox or {}, nil
    end
    node.outgoing, node.backlog = {}, {}
    changed(self, id)
    components[#components + 1] = { [id] = true }
  end
  self:form(components)
end

-- Nodes lose power: their processes and Corosyncs die.
function World:lose_power(ids)
  for _, id in ipairs(sets.sorted_keys(ids)) do
    self.nodes[id].noted, self.nodes[id].promised = nil, nil
    for _, process in ipairs(self.nodes[id].processes) do
      if process.alive then
        die(process)
      end
    end
  end
  self:lose_corosync(ids)
end

-- Plans a fault between two effects: after `effects` more effects of processes, `blow(host)` is called before the next
-- one. With `kind`, it waits for an effect of a process whose last message was of this kind.
function World:light(effects, blow, kind)
  self.fuse = { left = effects, blow = blow, kind = kind }
end

-- Called before each effect of a process. Returns whether the process has died.
function World:burn(host)
  local fuse = self.fuse
  if fuse and fuse.left == 0 and (not fuse.kind or fuse.kind == host.last_sent) then
    self.fuse = nil
    fuse.blow(host)
  elseif fuse and fuse.left > 0 then
    fuse.left = fuse.left - 1
  end
  return not host.process.alive
end

-- From the next change of nodes on, no ghost is a member, and no dead process becomes a ghost.
function World:forget_ghosts()
  for _, process in ipairs(self.processes) do
    process.joined = process.joined and process.alive
  end
  for id, node in ipairs(self.nodes) do
    changed(self, id)
    local kept = {}
    for _, item in ipairs(node.outgoing) do
      if not item.who or item.who.alive then
        kept[#kept + 1] = item
      end
    end
    node.outgoing = kept
  end
end

local function numbers_of(text)
  local numbers = {}
  for number in (text or ""):gmatch "%d+" do
    numbers[#numbers + 1] = tonumber(number)
  end
  return numbers
end

local function is_greater(text, other)
  local old, new = numbers_of(other), numbers_of(text)
  for i, number in ipairs(new) do
    if number ~= old[i] then
      return number > (old[i] or -1)
    end
  end
  return false
end

-- Keeps a note of a process of a node, which is a text of numbers: the greatest one of each kind until the node loses
-- power.
function World:note(id, kind, text)
  local node, field = self.nodes[id], kind == "held" and "noted" or "promised"
  node[field] = is_greater(text, node[field]) and text or node[field]
end

-- ---- delivery ----

-- Gives the oldest item of a node's backlog to its processes: to those that were members when it was ordered. Returns
-- whether there was one.
function World:hand_over(id)
  local backlog = self.nodes[id].backlog
  local item = backlog[1]
  if not item then
    return false
  end
  table.remove(backlog, 1)
  for _, receiver in ipairs(item.to) do
    local process = receiver.process
    if process.alive and process.life == receiver.life then
      if item.kind == "message" then
        process.inbox[#process.inbox + 1] = item
      else
        delivery.hand_over(self, process, item)
      end
    end
  end
  return true
end

return model
