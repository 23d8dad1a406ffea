-- A member's place in the group: it leaves, and joins again. Nothing here waits for Corosync.
local Group = require("corosync.group").Group
local parts = require "corosync.replica.parts"

local membership = {}

local function return_from(self, timeout, ...)
  self.group.timeout = timeout
  return ...
end

-- Calls a function that must not wait for Corosync.
function membership.without_waiting(self, f, ...)
  local timeout = self.group.timeout
  self.group.timeout = 0
  return return_from(self, timeout, f(...))
end

-- While the cluster's membership changes it fails, and is tried again later.
function membership.rejoin(self)
  parts.left(self, "rejoined")
  local ok, message, code = membership.without_waiting(self, Group.deactivate, self.group)
  if ok then
    ok, message, code = membership.without_waiting(self, Group.activate, self.group)
  end
  self.is_rejoining = code == "timeout"
  if not ok and not self.is_rejoining then
    self:report(message)
  end
end

-- Leaves the group as soon as Corosync lets it.
function membership.leave(self)
  local ok, message, code = membership.without_waiting(self, Group.deactivate, self.group)
  if not ok and code ~= "timeout" then
    self:report(message)
  end
end

-- Whether it could begin to join.
function membership.join(self)
  return membership.without_waiting(self, Group.activate, self.group)
end

return membership
