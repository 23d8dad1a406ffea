--- A lock that this process holds: what a lock's `acquire` returns. In Lua 5.4 a to-be-closed variable releases it.
--
--    local held <close> = assert(lock:acquire())
--
-- @classmod corosync.replica.held

local entries = require "corosync.replica.lock.entries"
local errors = require "corosync.errors"
local script_calls = require "corosync.script_calls"

local MEMBER = {} -- the key of an object's member

local Held = {}
Held.__index = Held

local release = script_calls.whole(function(self)
  local member = self[MEMBER]
  local entry = entries.get(member, self.name)
  if not entry.held or entry.held.token ~= self.token then
    return member.callers:failure(("release lock %s of"):format(errors.quote(self.name)), "not_holding",
      ("it is no longer held with token %.0f: it was released or lost"):format(self.token))
  end
  return entries.release(member, entry)
end)

--- The lock's name.
-- @tfield string name

--- The fencing token, greater than those of all earlier holders of this lock. A process that was paused, or whose
-- machine was, cannot be told in time that another process holds the lock. So the protected resource must refuse a
-- token that is less than the greatest it has seen.
-- @tfield integer token

--- Releases the lock. This process no longer holds it when this returns. The next waiter gets it as soon as the command
-- is confirmed.
-- @treturn boolean true
-- @error nil, message, code: "not_holding" (the lock was already released, or lost)
function Held:release()
  return release(self)
end

function Held:__close()
  self:release()
end

errors.guard_methods(Held, MEMBER, "held")

return function(member, name, token)
  return setmetatable({ name = name, token = token, [MEMBER] = member }, Held)
end
