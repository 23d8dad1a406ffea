---@meta resty.corosync.cache
-- Written by `make types` from the doc comments.

--- A cache on each node for values of one origin (a database, a service), which is emptied when it may be stale.
---
---    init_worker_by_lua_block {
---      prices = assert(require("resty.corosync.cache").new("prices", { store = "prices", longest = 5, ttl = 60 }))
---    }
---
---    local price, how = prices:get("tea", read_from_database)
---    local ok, message = prices:change("tea", write_to_database)
---
--- The workers of a node share a `lua_shared_dict`, which nothing else may use. A key is announced before its value
--- changes at the origin, and again afterwards. In between, all workers of all nodes read it from the origin and do not
--- store it. If the writer ends in between, this lasts until `longest` + 2 seconds after the first announcement.
---
--- A worker stores nothing for `longest` + 2 seconds after it has joined, and after nodes have come or gone, because it
--- may not know of all changes that are under way. Without quorum it neither uses the cache nor changes values.
---
--- A writer that was paused or cut off may change the origin later than that. Only the origin can prevent this, with a
--- token that it checks, such as that of a `corosync.replica.lock`.
---@class resty.corosync.cache
local module = {}

---@class resty.corosync.cache.Cache
local Cache = {}

--- Whether this worker uses the cache.
---@return boolean
---@return string|nil # why not
function Cache:is_in_use() end

--- Returns a value from the cache, or from the origin.
---@param key string
---@param fetch fun(key:string,...):any reads the value from the origin: a string, number or boolean; or returns nil, message, code, which this returns, too. It may wait.
---@param ... any passed on to `fetch`
---@return string|number|boolean|nil
---@return string # "hit" or "miss"; or why it failed
---@return string|nil # of `fetch`
function Cache:get(key, fetch, ...) end

--- Changes a value at the origin. When this returns, no worker uses the old value, except on nodes that are cut off or
--- paused and have not noticed it, or that have yet to handle the announcement. Waits at most 10 s until this worker
--- may change values.
---@param key string
---@param change fun(key:string,...):any changes the value at the origin within `longest` seconds. It returns something true; or nil, message, code if it failed or may have failed. It may wait, and must not call `ngx.exit`.
---@param ... any passed on to `change`
---@return any # what `change` returns
---@return string|nil # why it failed
---@return string|nil # of `change`; or "timeout", "not_ready", or a code of a group's `send_message`: then nothing was changed, because this worker has no quorum or is not a member
function Cache:change(key, change, ...) end

---@class resty.corosync.cache.new.options
---@field store string the name of a `lua_shared_dict` that this cache alone uses
---@field longest number the most seconds from the start of a change until the origin has made it, even if the worker ends meanwhile
---@field ttl? number seconds after which a value is read from the origin again; default: never
---@field settle? number seconds for which this worker bypasses the cache after a change of members, see `corosync.group` (default: 0)

--- Makes this worker a member of the cache: call it in `init_worker_by_lua`, once for each cache.
---@param name string of the group: 1 to 128 bytes
---@param options resty.corosync.cache.new.options
---@return resty.corosync.cache.Cache|nil
---@return string|nil # why it failed
---@return string|nil # as `corosync.resty`'s `group`
function module.new(name, options) end

return module
