--- A lock that at most one process in a replica holds, made by the replica's `lock`.
--
--    local held = assert(app:lock "backup":acquire { timeout = 5, lost = function() os.exit(1) end })
--    storage:write(data, held.token)
--    held:release()
--
-- @classmod corosync.replica.lock

--- The lock's name.
-- @tfield string name

--- The token of the last grant to this process; 0 if there was none.
-- @tfield integer token

local entries = require "corosync.replica.lock.entries"
local errors = require "corosync.errors"
local new_held = require "corosync.replica.lock.held"
local now = require("corosync.binding").now
local parts = require "corosync.replica.parts"
local script_calls = require "corosync.script_calls"
local state = require "corosync.replica.lock.state"
local waiting = require "corosync.replica.waiting"

parts.add("lock", require "corosync.replica.lock.part")

local MEMBER = {} -- the key of an object's member
local ENTRY = {} -- and of its lock's entry, which exists as long as the object

local Lock = {}

local metatable = {
  __index = function(self, key)
    if key == "token" then
      local entry = self[ENTRY]
      return entry.held and entry.held.token or entry.ended
    end
    return Lock[key]
  end,
  __tostring = function(self)
    return "corosync.replica.lock " .. errors.quote(self.name)
  end,
}

-- The options of `acquire`.
local FIELDS = { timeout = "number", lost = "function" }

local function check_options(options)
  errors.check_fields(options, FIELDS, 1, "options", "acquire")
  if options.timeout and (options.timeout < 0 or options.timeout ~= options.timeout) then
    errors.raise("bad argument #1 'options' to 'acquire' (field 'timeout': at least 0 expected, got %g)",
      options.timeout)
  end
end

-- Calls `tell(held)` once this process holds the lock, or `tell(nil, message, code)`. The request is over when
-- `is_there()` returns false. Returns the entry's request, or nil if it was refused.
local request = script_calls.whole(function(self, options, tell, is_there)
  local member, entry = self[MEMBER], self[ENTRY]
  local own
  local function refuse(code, why)
    tell(member.callers:failure(("acquire lock %s of"):format(errors.quote(self.name)), code, why))
  end
  if member.is_closed then
    refuse "closed"
  elseif entry.held and not entry.is_inherited then
    refuse("held", "this process holds it already")
  elseif entries.wants(entry) then
    refuse("acquiring", "this process waits for it already")
  else
    entry.request = { tell = tell, is_there = is_there, lost = options.lost, is_try = options.timeout == 0,
      deadline = options.timeout and now() + options.timeout,
      new = function(token) return new_held(member, self.name, token) end }
    own = entry.request
    if member.handover then
      entries.activate(member, entry)
    else
      entries.follow(member, entry)
    end
  end
  return own
end)

--- Waits until this process holds the lock: a coroutine yields, other code handles events until then. Waiters get it in
-- the order of their requests.
--
-- A holder that ends, leaves, or is cut off from a majority of the nodes loses the lock. `lost` is called before
-- another process can get it, unless the holder is paused or hangs: then only the token protects. A command of the
-- holder must be confirmed within 1.5 times Corosync's token and consensus timeouts. When another node fails, Corosync
-- goes on without it earlier than that.
-- @tparam[opt] table options
-- @tparam[opt] number options.timeout the most seconds to wait; 0 to get the lock only if it is free (default: forever)
-- @tparam[opt] fun(reason:string) options.lost called once when the lock is lost: "expired" (nothing was confirmed for
-- too long), "taken" (others went on without this process), "closed", "disconnected" (Corosync on this node has ended),
-- "rejoined" (this member must take the state of the others), "storage" (its storage has failed)
-- @treturn corosync.replica.held
-- @error nil, message, code: "timeout" (another process holds it), "not_ready" (there is no majority, or it did not
-- confirm in time), "held" or "acquiring" (this process already holds it or waits for it), "closed", "dispatching"
-- (where nothing can wait)
-- @raise for wrong arguments
function Lock:acquire(options)
  options = options or {}
  check_options(options)
  local member, entry = self[MEMBER], self[ENTRY]
  local own
  local result = waiting.result(member, function(tell, is_there)
    own = request(self, options, tell, is_there)
  end, function(code, why)
    return member.callers:refuse(("acquire lock %s of"):format(errors.quote(self.name)), code or "dispatching",
      why or "the replica is calling a function of the script, so it cannot wait here: acquire it in a coroutine")
  end, options.timeout or math.huge)
  if own and own == entry.request then -- the wait has ended without a result
    entry.request = nil
    entries.follow(member, entry)
  end
  return waiting.returned(result)
end

--- Releases the lock, if this process holds it.
-- @treturn boolean true
-- @error nil, message, code: "not_holding"
function Lock:release()
  local member, entry = self[MEMBER], self[ENTRY]
  if not entry.held then
    return member.callers:failure(("release lock %s of"):format(errors.quote(self.name)), "not_holding",
      "this process does not hold it")
  end
  return entries.release(member, entry)
end

-- Returns the address of a session's process, even if the process is no longer in the group.
local function address_of(member, session)
  local text = state.address_of(session)
  for _, address in ipairs(member.members or {}) do
    if tostring(address) == text then
      return address
    end
  end
  local node, pid = text:match "^(%d+):(%d+)$"
  return setmetatable({ node = tonumber(node), pid = tonumber(pid) }, { __tostring = function() return text end })
end

--- The holder of the lock, as far as this member knows: see a machine's `state`.
-- @treturn corosync.cpg.address|nil the holder, nil if nobody holds it
-- @treturn integer|nil its token
-- @treturn integer|nil the time of the grant: seconds since 1970 by the clock of the member whose command granted it
-- @treturn corosync.cpg.address[]|nil the waiters, in order
function Lock:holder()
  local member = self[MEMBER]
  local lock = parts.states(member).lock[self.name]
  if not lock then
    return nil
  end
  local waiters = {}
  for i, session in ipairs(lock.waiters) do
    waiters[i] = address_of(member, session)
  end
  return address_of(member, lock.holder), lock.token, lock.since, waiters
end

errors.guard_methods(Lock, MEMBER, "lock")

local function new(member, name)
  return setmetatable({ name = name, [MEMBER] = member, [ENTRY] = entries.get(member, name) }, metatable)
end

return { new = new, request = request }
