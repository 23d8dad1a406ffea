--- Locks that one request in the whole cluster holds at a time, with the methods of
-- [lua-resty-lock](https://github.com/openresty/lua-resty-lock).
--
--    init_worker_by_lua_block {
--      locks = assert(require("corosync.resty").replica "locks")
--    }
--
--    local lock = require("resty.corosync.lock"):new(locks, { timeout = 2 })
--    local elapsed, err = lock:lock "key"
--    if elapsed then
--      storage:write("key", value, lock.token)
--      lock:unlock()
--    end
--
-- Instead of a dictionary's name, `new` takes a replica; @{corosync.replica.lock} describes its locks. A lock is also
-- lost when this node is cut off, and a request that is paused or slow may not notice. So pass on `token`, which grows
-- with each holder of the key, and let the storage refuse a token that is less than the greatest it has seen.
-- @classmod resty.corosync.lock

--- The token of the last lock that this object held. `("%.0f"):format(token)` has all of its digits; in LuaJIT
-- `tostring` rounds it.
-- @tfield integer|nil token

local errors = require "corosync.errors"
local now = require("corosync.binding").now
local semaphore = require "ngx.semaphore"

local EXPTIME, TIMEOUT = 30, 5 -- seconds, as lua-resty-lock's
local SWEEP = 1 -- seconds between checks for expired locks
local LATE = 5 -- seconds by which `acquire` may return late

local OPTIONS = { exptime = "number", timeout = "number", step = "number", ratio = "number", max_step = "number" }

local Lock = {}
Lock.__index = Lock

-- The replica's lock belongs to the process, so its requests take turns: semaphores by replica and key.
local gates = setmetatable({}, { __mode = "k" })
local pending = {} -- this worker's objects that have passed a gate

local function enter(app, key, seconds)
  gates[app] = gates[app] or {}
  gates[app][key] = gates[app][key] or semaphore.new(1)
  return gates[app][key]:wait(seconds)
end

local function leave(app, key)
  local gate = gates[app][key]
  gate:post()
  if gate:count() > 0 then -- no other request waits
    gates[app][key] = nil
  end
end

-- The object no longer holds its lock, nor waits for it.
local function drop(self)
  pending[self], self.held = nil, nil
  leave(self.app, self.key)
end

local timer

-- A request may have ended without unlocking, or its light thread was killed while it waited.
local function sweep()
  for lock in pairs(pending) do
    if now() >= lock.expires_at then
      lock.app:lock(lock.key):release()
      drop(lock)
    end
  end
end

local function start_sweeping()
  local message
  if not timer then
    timer, message = ngx.timer.every(SWEEP, sweep)
  end
  return timer, message
end

--- Makes a lock object, for one request and one lock at a time.
-- @tparam corosync.replica.Replica app made by `corosync.resty`
-- @tparam[opt] table opts
-- @tparam[opt=30] number opts.exptime seconds after which a lock is released if nobody unlocked it, to within a second
-- @tparam[opt=5] number opts.timeout seconds that `lock` waits at most; 0 to get the lock only if it is free
-- @tparam[opt] number opts.step ignored, like `ratio` and `max_step`, because waiting does not poll
-- @tparam[opt] number opts.ratio
-- @tparam[opt] number opts.max_step
-- @treturn resty.corosync.lock
-- @raise for wrong arguments
function Lock:new(app, opts) -- luacheck: ignore 212
  opts = opts or {}
  if type(app) ~= "table" or type(app.lock) ~= "function" then
    errors.raise("bad argument #1 'app' to 'new' (replica expected, got %s)", type(app))
  end
  errors.check_fields(opts, OPTIONS, 2, "opts", "new")
  return setmetatable({ app = app, exptime = opts.exptime or EXPTIME, timeout = opts.timeout or TIMEOUT }, Lock)
end

local function acquire(self, seconds)
  local is_lost = false
  local held, message, code = self.app:lock(self.key):acquire {
    timeout = seconds,
    lost = function()
      is_lost = true
      if self.held then
        drop(self)
      end
    end,
  }
  if is_lost then
    return nil, "the lock was lost as soon as it was granted", "not_holding"
  elseif held and not pending[self] then -- too late: another request has passed the gate
    held:release()
    return nil, "timeout", "timeout"
  end
  return held, message, code
end

--- Waits until this object holds the lock of a key.
-- @tparam string|number key at most 128 bytes
-- @treturn number the seconds that it waited
-- @error nil, message, code: the message is "timeout" if another request holds it, "locked" if this object holds a
-- lock, "nil key"; else those of `acquire` of @{corosync.replica.lock}, for instance "not_ready" without a majority
function Lock:lock(key)
  if key == nil then
    return nil, "nil key", "nil_key"
  elseif pending[self] then
    return nil, "locked", "locked"
  end
  local ok, message = start_sweeping()
  if not ok then
    return nil, "cannot start the timer that releases expired locks: " .. message, "no_resources"
  end
  local from, held, code
  key, from = tostring(key), now()
  if not enter(self.app, key, self.timeout) then
    return nil, "timeout", "timeout"
  end
  self.key, self.expires_at, pending[self] = key, now() + self.timeout + math.max(self.exptime, LATE), true
  held, message, code = acquire(self, math.max(0, self.timeout - (now() - from)))
  if not held then
    if pending[self] then
      drop(self)
    end
    return nil, code == "timeout" and "timeout" or message, code
  end
  self.held, self.token, self.expires_at = held, held.token, now() + self.exptime
  return now() - from
end

--- Releases the lock.
-- @treturn integer 1
-- @error nil, message, "unlocked": it was released, has expired or was lost
function Lock:unlock()
  local held = self.held
  if not held then
    return nil, "unlocked", "unlocked"
  end
  held:release()
  drop(self)
  return 1
end

--- Sets the time after which the lock expires.
-- @tparam[opt] number time seconds from now on; the option `exptime` when absent
-- @treturn boolean true
-- @error nil, message, "unlocked": it was released, has expired or was lost
function Lock:expire(time)
  if not self.held then
    return nil, "unlocked", "unlocked"
  end
  self.expires_at = now() + (time or self.exptime)
  return true
end

return Lock
