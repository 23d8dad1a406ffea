-- Messages to the group, kept until Corosync takes them. Commands and calls of functions wait in a queue of their own,
-- because there may be many megabytes of them. If acknowledgements and snapshots waited behind them, the others would
-- exclude this member as silent, and a learner would never get its state.
local membership = require "corosync.replica.member.membership"

local outbox = {}

local function new_queue()
  return { first = 1, last = 0 }
end

function outbox.new()
  return { urgent = new_queue(), others = new_queue() }
end

local function add(queue, bytes, tag)
  local last = queue.last + 1
  queue[last] = { bytes = bytes, tag = tag } -- memory may run out here
  queue.last = last
end

local function is_empty(queue)
  return queue.first > queue.last
end

-- `message`: what the bytes encode; `ack`: the bytes of an acknowledgement that may share a message with commands.
function outbox.put(self, bytes, message, ack)
  local box = self.outbox
  if message.kind ~= "commands" then
    add(box.urgent, bytes)
  elseif ack and is_empty(box.others) then
    add(box.others, ack .. bytes, message.tag)
  else
    if ack then
      add(box.urgent, ack)
    end
    add(box.others, bytes, message.tag)
  end
end

-- Puts a call of a function, or its reply.
function outbox.put_call(self, bytes)
  add(self.outbox.others, bytes)
end

-- Whether a message is of a generation that has ended. Its commands are sent again in the next one.
local function is_outdated(self, item)
  local active = self.protocol and self.protocol.active
  return item.tag ~= nil and item.tag ~= (active and active.tag)
end

-- Returns whether Corosync has taken the message, or never will.
local function send(self, bytes)
  local ok, message, code = membership.without_waiting(self, self.group.send_message, self.group, bytes)
  if not ok and code == "too_big" then
    self:report(message)
  end
  return ok or code == "too_big"
end

-- Returns whether the queue is empty now.
local function pump(self, queue)
  while queue.first <= queue.last do
    local item = queue[queue.first]
    if self.record.state ~= "joined" or not is_outdated(self, item) and not send(self, item.bytes) then
      return false
    end
    queue[queue.first] = nil
    queue.first = queue.first + 1
  end
  return true
end

-- Sends the waiting messages, each queue in order, until Corosync takes no more.
function outbox.pump(self)
  local box = self.outbox
  if pump(self, box.urgent) then
    pump(self, box.others)
  end
end

-- Drops all messages: those of an earlier membership no longer have a meaning.
function outbox.forget(self)
  self.outbox = outbox.new()
  self.writer.ack = nil
  self.outgoing:cancel_all()
  local out = self.protocol and self.protocol.out or {}
  for i, effect in ipairs(out) do
    out[i] = effect and effect[1] ~= "send" and effect
  end
end

return outbox
