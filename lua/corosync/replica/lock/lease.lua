-- How long a holder may rely on its locks. Others get them only when Corosync has noticed that this node is lost, which
-- takes Corosync's token and consensus timeouts, and a `grace` of the same length has passed. So when a command of this
-- member is confirmed, the locks are its own until some time after the command was *submitted*. The grace lets holders
-- keep their locks when another node fails: nothing is confirmed until Corosync has noticed that.
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local parts = require "corosync.replica.parts"

local lease = {}

-- The part of the time after which others may get a lock. If a node fails just while Corosync forms another ring, the
-- others go on after the consensus timeout alone. With Corosync's default for this timeout (1.2 times the token's),
-- this part covers that case, too.
local SHARE = 0.75
local RENEWALS = 4 -- per lease
local LEAST = 1 -- seconds of the grace, because a member looks at its lease only four times a second

local now = core.now

local Lease = {}
Lease.__index = Lease

-- `changed()` is called after a renewal.
function lease.new(member, changed)
  return setmetatable({ member = member, changed = changed, seconds = LEAST, grace = LEAST, confirmed = -math.huge,
    submitted = -math.huge }, Lease)
end

-- Reads Corosync's timeouts. Not to be called while Corosync may be paused, because this process would hang with it.
function Lease:measure()
  local token = cluster.cmap_get "runtime.config.totem.token"
  local consensus = cluster.cmap_get "runtime.config.totem.consensus"
  local noticed = token and consensus and (token + consensus) / 1000 or LEAST
  self.grace = math.max(noticed, LEAST)
  self.seconds = SHARE * (noticed + self.grace)
end

function Lease:is_valid()
  return now() - self.confirmed < self.seconds
end

-- A command that was submitted at the given time has been confirmed.
function Lease:note(submitted)
  self.confirmed = math.max(self.confirmed, submitted)
end

-- Renews the lease by a command that changes nothing, unless one is under way.
function Lease:renew()
  if self.is_renewing then
    return
  end
  local submitted = now()
  self.is_renewing, self.submitted = true, submitted
  local ok = parts.barrier(self.member, "keep the locks of", function(_, _, code)
    self.is_renewing = false
    if not code then
      self:note(submitted)
    end
    self.changed()
  end, true)
  self.is_renewing = ok == true and self.is_renewing
end

function Lease:renew_if_due()
  if now() - self.submitted >= self.seconds / RENEWALS then
    self:renew()
  end
end

return lease
