---@meta corosync.cmap
-- Written by `make types` from the doc comments.

--- Corosync's configuration map: the userdata over libcmap. It also has the methods that all handles share, see
--- `corosync.handle` and `corosync.events`.
---
---    local cmap = require "corosync.cmap"
---    local map = assert(cmap.open())
---    print(map:get "totem.cluster_name")
---    assert(map:set("shop.stock", 12, "u32"))
---    for key, value, kind in assert(map:each "nodelist.") do print(key, value, kind) end
---    assert(map:track("shop.", function(event, key, new, old) print(event, key, new, old) end))
---    while map:wait(10) do
---      assert(map:dispatch())
---    end
---
--- _Keys_ are 3 to 255 letters, digits and any of `._-/:`. _Values_ have a type: "i8", "u8", "i16", "u16", "i32", "u32",
--- "i64", "u64", "float", "double", "string" (without zero bytes) and "binary"; they have at most 16384 bytes, of which a
--- string needs one for its end. Integers are exact. A "u64" that no number of this Lua represents exactly (from 2^63 on,
--- before Lua 5.3 beyond 2^53) is a string of 20 digits with leading zeros, which `set` takes as well: such strings compare
--- and order as the integers do. Such an "i64", before Lua 5.3, is an error, or nil where several values are returned: in
--- `each` and in a tracker's handler. The map is local to each node, and lost when Corosync ends.
---@class corosync.cmap
local module = {}

---@class corosync.cmap.open.handlers
---@field error? fun(message:string) called with the message and traceback of an error in a tracker's handler; without it they go to stderr

--- Connects to a map of the local Corosync. Calls `cmap_initialize_map`; takes about 15 ms and 3 MB of /dev/shm.
---@param map? string "icmap", the configuration, or "stats", Corosync's counters (default: "icmap")
---@param handlers? corosync.cmap.open.handlers
---@return corosync.cmap.map|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full), "no_memory", "no_resources" (open files)
function module.open(map, handlers) end

---@class corosync.cmap.map: corosync.handle, corosync.events
local map = {}

--- The value of a key. Calls `cmap_get`.
---@param key string
---@return number|string|nil # the value: an integer, a float or a string
---@return string # its type; or why it failed
---@return string|nil # "not_exist" (no such key), "invalid_param" and "name_too_long" (not a valid key), "out_of_range" (no number of this Lua can hold it), "not_connected", "closed", "wrong_process"
function map:get(key) end

--- Sets a key. An existing key keeps its type, a new one needs a type. Values are never rounded or cut to fit,
--- except fractions to a float. Calls `cmap_get` and `cmap_set`.
---@param key string
---@param value number|string a number for the numeric types, a string for "string" and "binary"
---@param type? string for a new key; for an existing key it must be its type
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_exist" (a new key, and no type), "out_of_range", "invalid_param" (the value or the given type does not match the key's type; or the key is not valid), "too_big", "name_too_long", "access" (read-only), "not_connected", "closed", "wrong_process"; raises for other values than numbers and strings, and for an unknown type
function map:set(key, value, type) end

--- Deletes a key. Calls `cmap_delete`.
---@param key string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_exist", "access" (read-only), "invalid_param", "name_too_long", "not_connected", "closed", "wrong_process"
function map:delete(key) end

--- Adds one to an integer, in one step on the daemon: several programs may do it at the same time. At the end of the type's
--- range it fails, unless another program reached the end at the same moment. Calls `cmap_get` and `cmap_inc`.
---@param key string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "out_of_range", "not_exist", "invalid_param" (no integer, or not a valid key), "access" (read-only), "name_too_long", "not_connected", "closed", "wrong_process"
function map:increment(key) end

--- Subtracts one from an integer, as `increment` adds one. Calls `cmap_get` and `cmap_dec`.
---@param key string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as increment
function map:decrement(key) end

--- Iterates over the keys that begin with a prefix: `for key, value, type in assert(map:each "totem.") do … end`.
--- They are read at the call, so the loop may be left early, and may change the map.
--- `pairs(map)` iterates over all keys, in Lua 5.2 and later, and raises where this returns an error.
--- Calls `cmap_iter_init`, `cmap_iter_next` and `cmap_get`.
---@param prefix? string  (default: "")
---@return fun():(string,number|string,string)|nil # an iterator that returns key, value and type
---@return string|nil # why it failed
---@return string|nil # "invalid_param" and "name_too_long" (no key can begin so), "no_memory", "not_connected", "closed", "wrong_process"
function map:each(prefix) end

--- Calls a handler on each change of a key and of the keys below it: "shop" is for `shop` and for `shop.stock`, "shop."
--- only for the keys below it, "" for all keys. `dispatch` calls the handler, also when the script keeps no reference to
--- the tracker, until the tracker is cancelled or the map closed. Calls `cmap_track_add`.
---
--- In the map "stats", a tracker of one counter sees its modifications, up to 1.5 s later; a tracker of a prefix only sees
--- which counters are added and deleted. Old values are not known.
---@param name string a key, or a prefix that ends in "."
---@param handler? fun(event:string,key:string,new:any,old:any,new_type:string,old_type:string) called with event ("add", "delete" or "modify"), key, the new value (nil when deleted), the old value (nil when added), the new value's type and the old value's; `receive` needs no handler
---@return corosync.cmap.tracker|nil
---@return string|nil # why it failed
---@return string|nil # "invalid_param", "name_too_long", "not_connected", "closed", "wrong_process"
function map:track(name, handler) end

---@class corosync.cmap.tracker
local tracker = {}

--- Ends a tracker: its handler is no longer called, not even for changes that have arrived. Cancelling twice is allowed.
--- Calls `cmap_track_delete`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "wrong_process", "try_again"
function tracker:cancel() end

return module
