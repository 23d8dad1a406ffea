---@meta corosync.tracking
-- Written by `make types` from the doc comments.

---@class corosync.tracking
local handle = {}

--- Starts tracking: events come from now on, the present state first where there is one. A handle opened with a handler of
--- such an event tracks already; this is for `receive`. Tracking twice is allowed.
--- Stands on `quorum_trackstart`, `votequorum_trackstart`, `corosync_cfg_trackstart`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "try_again" (of cfg, while the membership is changing), "not_connected", "closed", "wrong_process"
function handle:track() end

--- Ends tracking. Events that have arrived are still delivered. On a handle that does not track it does nothing.
--- Stands on `quorum_trackstop`, `votequorum_trackstop`, `corosync_cfg_trackstop`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "try_again" (of cfg, while the membership is changing), "not_connected", "closed", "wrong_process"
function handle:untrack() end
