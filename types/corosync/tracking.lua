---@meta corosync.tracking
-- Written by `make types` from the doc comments.

---@class corosync.tracking
local handle = {}

--- Starts tracking: events come from now on, first the present state where there is one. A handle opened with a handler of
--- such an event already tracks; this method is for `receive`. Tracking twice is allowed.
--- Calls `quorum_trackstart`, `votequorum_trackstart`, `corosync_cfg_trackstart`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "try_again" (cfg only, while the membership is changing), "not_connected", "closed", "wrong_process"
function handle:track() end

--- Stops tracking. Events that have arrived are still delivered. It does nothing on a handle that does not track.
--- Calls `quorum_trackstop`, `votequorum_trackstop`, `corosync_cfg_trackstop`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "try_again" (cfg only, while the membership is changing), "not_connected", "closed", "wrong_process"
function handle:untrack() end
