---@meta corosync.replica.held
-- Written by `make types` from the doc comments.

---@class corosync.replica.held
---@field name string The lock's name.
---@field token integer The fencing token, greater than those of all earlier holders of this lock.
local Held = {}

--- Releases the lock. This process no longer holds it when this returns. The next waiter gets it as soon as the command
--- is confirmed.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_holding" (the lock was already released, or lost)
function Held:release() end
