---@meta resty.corosync.ipc
-- Written by `make types` from the doc comments.

--- An `ipc` for [lua-resty-mlcache](https://github.com/thibaultcha/lua-resty-mlcache) that reaches all nodes.
---
---    init_worker_by_lua_block {
---      local ipc = assert(require("resty.corosync.ipc").new("mlcache", { shm = "cache_dict" }))
---      cache = assert(require("resty.mlcache").new("users", "cache_dict", { ipc = ipc, ttl = 60 }))
---    }
---
--- After a `set`, `delete` or `purge`, the other workers of this node drop the value from their first level, and other
--- nodes also from the second level, the dictionary. Both levels are emptied when messages may have been missed: when
--- nodes come or go, when this worker joins or loses Corosync, and when a worker of this node ends.
---
--- Without quorum, `set`, `delete` and `purge` change this node only, and fail. `get` does not consult the ipc, so call
--- `ipc.is_in_use()` before it if a node that is cut off must not use its values. mlcache may store an old value that
--- was changed while it was fetched; `resty.corosync.cache` does not.
---@class resty.corosync.ipc
local module = {}

---@class resty.corosync.ipc.new.options
---@field shm string the dictionary of the caches; nothing else may use it
---@field shm_miss? string their dictionary for misses

--- Makes this worker a member: call it in `init_worker_by_lua`, once for each dictionary. Several caches that use this
--- dictionary can share it.
---@param name string of the group: 1 to 128 bytes
---@param options resty.corosync.ipc.new.options
---@return table|nil # the functions `register_listeners`, `broadcast` and `poll` for mlcache, and `is_in_use()`, which returns true, or false and why not
---@return string|nil # why it failed
---@return string|nil # as `corosync.resty`'s `group`
function module.new(name, options) end

return module
