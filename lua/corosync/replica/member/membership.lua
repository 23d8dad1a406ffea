-- Leaving the group and joining it again. Nothing here waits for Corosync.
local Group = require("corosync.group").Group
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local loss = require "corosync.group.loss"
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

-- Leaving fails while the cluster's membership is changing, and is tried again later. If Corosync has gone, the group
-- joins again when Corosync is back.
function membership.rejoin(self)
  local record = self.record
  parts.left(self, "rejoined")
  self.is_rejoining = false
  if record.state == "reconnecting" then
    return
  end
  local ok, message, code = membership.without_waiting(self, Group.deactivate, self.group)
  if ok then
    ok, message, code = membership.without_waiting(self, Group.activate, self.group)
  end
  if code == "timeout" then
    self.is_rejoining = true
  elseif not ok and record.state == "idle" then
    loss.follow_failed_join(record, message, code)
  elseif not ok then
    self:report(message)
  end
end

-- While the group is paused, the member has left it, and joins it again by itself.
local function pause(self, is_paused)
  self.record.is_paused = is_paused
  if self.timer then
    self.timer.keep_loop(is_paused)
  end
end

-- Leaves the group as soon as Corosync lets it, until `join`.
function membership.leave(self)
  pause(self, true)
  local ok, message, code = membership.without_waiting(self, Group.deactivate, self.group)
  if not ok and code ~= "timeout" then
    self:report(message)
  end
end

-- Leaves for good. If Corosync does not let the member leave now, each tick tries again.
function membership.give_up(self)
  self.gives_up = true
  membership.without_waiting(self, self.close, self)
end

-- Closes the replica because of a problem: without the right state the member must not take part.
function membership.give_up_for(self, what, problem)
  self:report(("%s: %s. Replica %s is closed here: fix the script and start it again"):format(what,
    error_text(problem), errors.quote(self.name)))
  membership.give_up(self)
end

-- Returns whether the join could begin.
function membership.join(self)
  local ok = membership.without_waiting(self, Group.activate, self.group)
  pause(self, not ok)
  return ok
end

return membership
