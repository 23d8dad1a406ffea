---@meta corosync.replica.leader
-- Written by `make types` from the doc comments.

---@class corosync.replica.leader
---@field name string The election's name.
local Leader = {}

--- Stops leading: the next member in the queue is elected, and this one goes to the end of the queue.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_holding" (it does not lead)
function Leader:resign() end
