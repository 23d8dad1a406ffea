---@meta resty.corosync.lock
-- Written by `make types` from the doc comments.

---@class resty.corosync.lock
---@field token integer|nil The token of the last lock that this object held.
local Lock = {}

---@class resty.corosync.lock.Lock.new.opts
---@field exptime? number seconds after which a lock is released if nobody unlocked it, to within a second (default: 30)
---@field timeout? number seconds that `lock` waits at most; 0 to get the lock only if it is free (default: 5)
---@field step? number ignored, like `ratio` and `max_step`, because waiting does not poll
---@field ratio? number
---@field max_step? number

--- Makes a lock object, for one request and one lock at a time.
---@param app corosync.replica.Replica made by `corosync.resty`
---@param opts? resty.corosync.lock.Lock.new.opts
---@return resty.corosync.lock
function Lock:new(app, opts) end

--- Waits until this object holds the lock of a key.
---@param key string|number at most 128 bytes
---@return number|nil # the seconds that it waited
---@return string|nil # why it failed
---@return string|nil # the message is "timeout" if another request holds it, "locked" if this object holds a lock, "nil key"; else those of `acquire` of `corosync.replica.lock`, for instance "not_ready" without a majority
function Lock:lock(key) end

--- Releases the lock.
---@return integer|nil # 1
---@return string|nil # why it failed
---@return string|nil # "unlocked": it was released, has expired or was lost
function Lock:unlock() end

--- Sets the time after which the lock expires.
---@param time? number seconds from now on; the option `exptime` when absent
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "unlocked": it was released, has expired or was lost
function Lock:expire(time) end
