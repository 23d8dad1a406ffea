-- Processes join, leave and die, also with their node or its Corosync.
local sets = require "sim.sets"

local processes = {} -- methods of World

-- Returns the processes of a component (the nodes of one ring) that are members, living ones or ghosts.
function processes:members(component)
  local found = {}
  for _, process in ipairs(self.processes) do
    if process.joined and component[process.node] then
      found[#found + 1] = process.address
    end
  end
  table.sort(found)
  return found
end

-- Sends a node's message that one of its processes has joined or left.
local function announce_process(self, process, kind)
  table.insert(self.nodes[process.node].outgoing,
    { kind = kind, who = process, life = process.life, node = process.node })
end

-- A process's joining or leaving has its place in the order.
function processes:change_members(item)
  local process, node = item.who, self.nodes[item.node]
  item.ring = node.ring
  if item.kind == "leave" then
    process.joined = false
  elseif process.life == item.life then
    process.joined, process.joined_life, process.listed = true, item.life, {}
    process.first = self:members(node.component)
  end
  self:members_changed(item.node)
end

function processes:join(process)
  process.connected, process.settling, process.life = true, nil, (process.life or 0) + 1
  self:members_changed(process.node)
  announce_process(self, process, "join")
end

-- Starts a process on a node. An observer uses no storage.
function processes:start(id, is_observer)
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
function processes:leave(process)
  if process.connected then
    process.connected, process.inbox, process.settling, process.life = false, {}, nil, process.life + 1
    self:members_changed(process.node)
    announce_process(self, process, "leave")
  end
end

function processes:rejoin(process)
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
function processes:kill(process, is_ghost)
  die(process)
  self:members_changed(process.node)
  if not is_ghost then
    self:leave(process)
  end
end

-- The Corosyncs of nodes die, and what they had not sent is lost. Each of these nodes is then alone on its ring. A
-- process that `reads_ahead` handles later what Corosync had sent to it.
function processes:lose_corosync(ids)
  local components = {}
  for _, component in ipairs(self:components()) do
    local rest = sets.without(component, ids)
    components[#components + 1] = next(rest) and rest
  end
  for _, id in ipairs(sets.sorted_keys(ids)) do
    local node = self.nodes[id]
    for _, process in ipairs(node.processes) do
      process.connected, process.joined, process.life = false, false, process.life + 1
      process.inbox, process.settling = process.reads_ahead and process.inbox or {}, nil
    end
    node.outgoing, node.backlog = {}, {}
    self:members_changed(id)
    components[#components + 1] = { [id] = true }
  end
  self:form(components)
end

-- Nodes lose power: their processes and Corosyncs die.
function processes:lose_power(ids)
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

-- From the next change of nodes on, no ghost is a member, and no dead process becomes a ghost.
function processes:forget_ghosts()
  for _, process in ipairs(self.processes) do
    process.joined = process.joined and process.alive
  end
  for id, node in ipairs(self.nodes) do
    self:members_changed(id)
    local kept = {}
    for _, item in ipairs(node.outgoing) do
      if not item.who or item.who.alive then
        kept[#kept + 1] = item
      end
    end
    node.outgoing = kept
  end
end

return processes
