-- Messages to the group, kept in order until Corosync takes them.
local membership = require "corosync.replica.membership"

local outbox = {}

function outbox.put(self, bytes)
  local box = self.outbox
  box.last = box.last + 1
  box[box.last] = bytes
end

-- Sends what waits, in order, as far as Corosync takes it now.
function outbox.pump(self)
  local box = self.outbox
  while box.first <= box.last and self.record.state == "joined" do
    local ok, message, code = membership.without_waiting(self, self.group.send_message, self.group, box[box.first])
    if not ok and code ~= "too_big" then
      return
    elseif not ok then
      self:report(message)
    end
    box[box.first] = nil
    box.first = box.first + 1
  end
end

-- Messages of an earlier membership no longer mean anything.
function outbox.forget(self)
  self.outbox = { first = 1, last = 0 }
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
