-- What a member does because time has passed.
local claiming = require "corosync.replica.protocol.claiming"
local confirming = require "corosync.replica.protocol.confirming"
local learning = require "corosync.replica.protocol.learning"

local clock = {}

local REPEAT = 1 -- seconds between "learned" messages

-- A learner that follows repeats "learned", in case the message was lost. If nobody makes it full, it claims again.
local function check_following(self)
  local following = self.following
  if self.now - following.since > self.learner_pause then
    claiming.lengthen_pause(self)
    claiming.restart(self)
  elseif self.now - following.said_at > REPEAT then
    learning.send_learned(self)
  end
end

-- Nobody waits for an observer, so it must find out itself that the others have begun another generation.
local function check_for_newer_generation(self)
  if self.active:is_unknown_to_some(self.now) then
    claiming.restart(self)
  end
end

function clock.time(self, now)
  confirming.confirm(self)
  self.now = math.max(now, self.now)
  if self.unreported_since and self.now - self.unreported_since > self.patience then
    self.unreported_since = nil
    self:emit "rejoin"
  end
  if self.replaying then -- it does not know yet what the others have done
    return
  elseif confirming.is_full(self) then
    confirming.check_others(self)
  elseif self.following then
    check_following(self)
  elseif not self.active then
    claiming.time(self)
  else
    check_for_newer_generation(self)
  end
end

function clock.progress(self, now)
  self.now = math.max(now or self.now, self.now)
  if self.awaiting then
    self.claimed_at = self.now
  elseif self.following then
    self.following.since = self.now
  end
end

return clock
