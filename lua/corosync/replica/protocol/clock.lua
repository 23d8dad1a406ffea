-- What a member does because time has passed.
local claiming = require "corosync.replica.protocol.claiming"
local confirming = require "corosync.replica.protocol.confirming"
local learning = require "corosync.replica.protocol.learning"

local clock = {}

local REPEAT = 1 -- seconds

-- A learner that follows repeats that it has learned, in case the message was lost; if nobody makes it full, it claims
-- again.
local function follow_on(self)
  local following = self.following
  if self.now - following.since > self.lesson_pause then
    claiming.lengthen_pause(self)
    claiming.restart(self)
  elseif self.now - following.said_at > REPEAT then
    learning.say(self)
  end
end

-- Nobody waits for an observer, so it must find out itself that the others have begun another generation.
local function observe_on(self)
  if self.active:is_unknown_to_some(self.now) then
    claiming.restart(self)
  end
end

function clock.time(self, now)
  confirming.confirm(self)
  self.now = math.max(now, self.now)
  if self.untold_since and self.now - self.untold_since > self.patience then
    self.untold_since = nil
    self:emit "rejoin"
  end
  if self.replaying then -- it does not know yet what the others have done
    return
  elseif confirming.is_full(self) then
    confirming.look_after(self)
  elseif self.following then
    follow_on(self)
  elseif not self.active then
    claiming.time(self)
  else
    observe_on(self)
  end
end

function clock.progress(self, now)
  self.now = math.max(now or self.now, self.now)
  if self.cut then
    self.claimed_at = self.now
  elseif self.following then
    self.following.since = self.now
  end
end

return clock
