-- Messages to the group, kept in order until Corosync takes them.
local membership = require "corosync.replica.member.membership"

local outbox = {}

-- Two queues. What a learner needs does not depend on the commands that wait, so it is sent before them.
function outbox.new()
  return { for_learner = { first = 1, last = 0 }, others = { first = 1, last = 0 } }
end

function outbox.put(self, bytes, is_for_learner)
  local queue = is_for_learner and self.outbox.for_learner or self.outbox.others
  queue.last = queue.last + 1
  queue[queue.last] = bytes
end

-- Returns whether all were sent.
local function pump(self, queue)
  while queue.first <= queue.last and self.record.state == "joined" do
    local ok, message, code = membership.without_waiting(self, self.group.send_message, self.group, queue[queue.first])
    if not ok and code ~= "too_big" then
      return false
    elseif not ok then
      self:report(message)
    end
    queue[queue.first] = nil
    queue.first = queue.first + 1
  end
  return true
end

-- Sends what waits, in order, as far as Corosync takes it now.
function outbox.pump(self)
  if pump(self, self.outbox.for_learner) then
    pump(self, self.outbox.others)
  end
end

-- Messages of an earlier membership no longer mean anything.
function outbox.forget(self)
  self.outbox = outbox.new()
  self.writer.ack = nil
  self.outgoing:cancel_all()
  local out = {}
  for _, effect in ipairs(self.protocol and self.protocol.out or {}) do
    out[#out + 1] = effect[1] ~= "send" and effect or nil
  end
  if self.protocol then
    self.protocol.out = out
  end
end

return outbox
