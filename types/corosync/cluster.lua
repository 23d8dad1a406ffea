---@meta corosync.cluster
-- Written by `make types` from the doc comments.

--- Questions about the cluster that need no group: whether it is quorate, and values of its configuration map.
--- A connection is opened at the first question and kept, because each costs 3 MB of shared memory and 15 ms. A question
--- is a request: 30 µs or more, behind all requests that Corosync has queued, and it blocks while Corosync is paused.
---@class corosync.cluster
local module = {}

--- Whether this node's side of the cluster has quorum. After a cut the losing side still has it until Corosync notices
--- the cut, for seconds.
---@param daemon_user? integer as for `corosync.cpg`'s open
---@return boolean|nil
---@return string|nil # why it failed
---@return string|nil # "no_quorum_provider" (corosync.conf names none, so no side counts as quorate), "not_connected", "access"
function module.is_quorate(daemon_user) end

--- The value of a key of Corosync's configuration map.
---@param key string for instance "totem.cluster_name"; 3 to 255 bytes
---@param daemon_user? integer as for `corosync.cpg`'s open
---@return number|string|nil # an integer, a float or a string, as the key is typed
---@return string # the type's name; or why it failed
---@return string|nil # "not_exist", "invalid_param", "name_too_long", "out_of_range", "not_connected", "access"
function module.cmap_get(key, daemon_user) end

--- Returns how many nodes corosync.conf lists, present or not. Corosync is asked only if the list may have changed.
---@param daemon_user? integer as for `corosync.cpg`'s open
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "no_nodelist", "not_connected", "access"
function module.node_count(daemon_user) end

--- Sets a text in this node's configuration map, which lasts as long as its Corosync.
---@param key string as for `cmap_get`
---@param value string
---@param daemon_user? integer as for `corosync.cpg`'s open
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "access" (the key is read-only, or this user may not set it), "invalid_param", "name_too_long", "not_connected"
function module.cmap_set(key, value, daemon_user) end

return module
