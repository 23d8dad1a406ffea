-- Messages and their order. A message waits in its node's `outgoing` until `order` gives it a place on the node's ring.
-- Then it waits in the `backlog` of each node of the ring until `hand_over` puts it into the inboxes of that node's
-- processes. Items of other kinds, which tell of changes of members, go the same ways.
local delivery = require "sim.delivery"

local messages = {} -- methods of World

-- Returns the processes of a node that receive a message that is ordered now. `receivers` keeps them until
-- `members_changed` is called.
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
function messages:members_changed(id)
  self.nodes[id].receivers = nil
end

-- Appends an item to the backlog of a node.
function messages.append(_, node, item)
  node.backlog[#node.backlog + 1] = { item = item, to = node.receivers or receivers(node) }
end

-- Sends a message. Without a connection it is lost.
function messages:send(process, message)
  if process.connected then
    local outgoing = self.nodes[process.node].outgoing
    outgoing[#outgoing + 1] = { kind = "message", from = process.address, message = message, node = process.node }
  end
end

-- Whether a node misses a message of another.
local function is_missed(strangers, node)
  local count = strangers[node.id]
  if count then
    strangers[node.id] = count > 1 and count - 1 or nil
  end
  return count ~= nil
end

-- Gives the oldest outgoing item of a node its place in the order of its ring. Returns whether there was one.
function messages:order(id)
  local sender = self.nodes[id]
  local item = sender.outgoing[1]
  if not item then
    return false
  end
  table.remove(sender.outgoing, 1)
  if item.who then
    self:change_members(item)
  end
  local strangers = sender.strangers
  for _, node in ipairs(sender.peers) do
    if not strangers or not is_missed(strangers, node) then
      self:append(node, item)
    end
  end
  if #sender.outgoing == 0 then
    sender.strangers = nil
  end
  return true
end

-- Gives the oldest item of a node's backlog to its processes: to those that were members when it was ordered. Returns
-- whether there was one.
function messages:hand_over(id)
  local backlog = self.nodes[id].backlog
  local waiting = backlog[1]
  if not waiting then
    return false
  end
  table.remove(backlog, 1)
  for _, receiver in ipairs(waiting.to) do
    local process = receiver.process
    if process.alive and process.life == receiver.life then
      delivery.hand_over(self, process, waiting.item)
    end
  end
  return true
end

-- Orders and hands over up to `most` items of a node.
function messages:pass_on(id, most)
  for _ = 1, most do
    local did_any = self:order(id)
    if not self:hand_over(id) and not did_any then
      break
    end
  end
end

return messages
