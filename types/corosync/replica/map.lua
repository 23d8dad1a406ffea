---@meta corosync.replica.map
-- Written by `make types` from the doc comments.

---@class corosync.replica.map
---@field name string The map's name.
local Map = {}

--- Sets the value of a key. Without the option `ttl` it stays until it is changed.
---@param key string
---@param value string|number|boolean|table
---@param options? {ttl:number|nil,holding:table|nil}
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil)
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as a machine's `submit`: "not_ready", "uncertain" and so on; and "not_holding"
function Map:set(key, value, options, callback) end

--- Sets the value of a key if its present value is the expected one.
---@param key string
---@param old string|number|boolean|table|nil the expected value; tables are compared by their contents; nil if there must be none
---@param new string|number|boolean|table
---@param options? {ttl:number|nil,holding:table|nil}
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil)
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as `set`; and "not_equal": it has another value
function Map:replace(key, old, new, options, callback) end

--- Deletes a key. A missing key is not an error.
---@param key string
---@param options? {holding:table|nil}
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil)
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as a machine's `submit`: "not_ready", "uncertain" and so on; and "not_holding"
function Map:delete(key, options, callback) end

--- Adds to a number. A key without a value starts at 0. A value that expires keeps its time, unless a new `ttl` is
--- given.
---@param key string
---@param by? number between -2^53 and 2^53 (default: 1)
---@param options? {ttl:number|nil,holding:table|nil}
---@param callback? fun(result:number|nil,message:string|nil,code:string|nil)
---@return number|nil # the sum
---@return string|nil # why it failed
---@return string|nil # as `set`; "not_a_number": the value is something else; "out_of_range": it or the sum is not between -2^53 and 2^53, where numbers are exact
function Map:increment(key, by, options, callback) end

--- Returns a key's value. Without `confirmed` it is read from this member's state at once. This state is confirmed, but
--- may be old, and is empty before the replica is ready. With `confirmed` the call first waits for all changes that were
--- confirmed anywhere before it.
---@param key string
---@param options? {confirmed:boolean|nil}
---@param callback? fun(value:any,message:string|nil,code:string|nil) only with `confirmed`
---@return string|number|boolean|table|nil|nil # nil if there is none. A table is a copy
---@return string|nil # why it failed
---@return string|nil # with `confirmed`: as the replica's `barrier`
function Map:get(key, options, callback) end

--- Iterates over the keys with a prefix, in the order of the keys, as they are at this call. Later changes do not show.
--- It visits each key of the map once, and sorts those that match.
---@param prefix? string  (default: "")
---@return fun():string|nil,any # for `for key, value in prices:each "te" do`
function Map:each(prefix) end

--- Calls a function for each later change of a key with a prefix, on this member, in the order of the changes. This
--- includes setting a key to the value that it already has. No change is missed or reported twice, except when the watch
--- restarts.
---
--- A member that starts, or comes back after a cut, may get the whole state from another one. Then the watch restarts:
--- `restarted` is called, and after it `changed` once for each key whose value differs from the last one reported. So
--- the latest value of each key is reported, but not the values that it had in between.
---
--- The same happens to a watch that begins before this member is ready, also with the values from its storage. One that
--- begins later gets only changes: call `each` just before it for the present values.
---@param prefix string "" for all keys
---@param changed fun(key:string,new:any,old:any,index:integer) `new` is nil if the key was deleted or has expired, `old` if it had no value. `index` is that of the command; after `restarted`, of the last command in the state
---@param restarted? fun(index:integer)
---@return fun() # ends the watch
function Map:watch(prefix, changed, restarted) end
