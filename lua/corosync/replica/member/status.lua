-- A member's status, and the script's functions `ready` and `suspended`, which are called when it changes.
local handlers = require "corosync.group.handlers"

local status = {}

local SERVING = { ready = true, observing = true }

-- Whether a member with this status has the replica's state.
function status.serves(state)
  return SERVING[state] or false
end

-- Whether Corosync is away. (In nginx the group is idle then.)
function status.is_away(self)
  local record = self.record
  return record.state == "reconnecting" or record.lost ~= nil and record.state == "idle"
end

-- After a start with storage, the state is older than when the last process ended, until the commands since then are
-- confirmed again.
local function is_behind_storage(self)
  local log = self.protocol.log
  return log ~= nil and log.applied < self.stored_index
end

-- As `state`, for a member that has the state according to the protocol.
local function serving_state(self)
  if not self.protocol.active:has_enough() then
    return "blocked", "fewer nodes than a majority have the state"
  elseif self.stored_index and is_behind_storage(self) then
    return "learning", "the commands that it has stored must be confirmed again"
  end
  return self.protocol.status
end

-- Returns why a member that waits for the state of others does not get it, if one of them has said so.
local function refusal_of(self)
  local awaiting, refusal = self.protocol.awaiting, self.refusal
  return awaiting and refusal and refusal.nonce == awaiting.nonce and refusal.text
end

-- Returns "blocked", "learning", "ready", or "observing", and why the member is not ready.
function status.state(self)
  local protocol = self.protocol
  if self.is_closed then
    return "blocked", "it is closed"
  elseif self.storage_problem then
    return "blocked", self.storage_problem
  elseif status.is_away(self) then
    return "blocked", "Corosync on this node is away"
  elseif not protocol or self.record.state ~= "joined" then
    return "blocked", "it has not joined its group yet"
  elseif SERVING[protocol.status] then
    return serving_state(self)
  end
  local refusal = refusal_of(self)
  if protocol.status == "learning" then
    return "learning", refusal or "it is getting the state from another member"
  end
  return "blocked", refusal or protocol.reason or self.reason
    or "the members are agreeing on the state to go on from"
end

-- Returns why commands of this member are not confirmed, or nil.
function status.why_unconfirmed(self)
  local _, why = status.state(self)
  local active = not why and self.protocol.active
  local awaited = active and active:awaited() or {}
  return why or awaited[1] and table.concat(awaited, ", ") .. " must acknowledge it or end" or nil
end

local function tell(self, name, ...)
  local handler = self.options[name]
  if handler then
    handlers.call(self.record, handler, ...)
  end
end

-- Calls `ready` or `suspended` if the status has changed. Returns whether it has.
function status.tell(self)
  local state, why = status.state(self)
  local is_serving = status.serves(state)
  if is_serving == self.was_serving then
    return false
  end
  self.was_serving = is_serving
  if is_serving then
    self.times_ready = self.times_ready + 1
    handlers.observe(self.record, state)
    tell(self, "ready")
  else
    handlers.observe(self.record, "suspended", why)
    tell(self, "suspended", why)
  end
  return true
end

return status
