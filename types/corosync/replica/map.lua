---@meta corosync.replica.map
-- Written by `make types` from the doc comments.

---@class corosync.replica.map
---@field name string Its name.
local Map = {}

--- Gives a key a value. Without the option `ttl` it stays until it is changed.
---@param key string
---@param value string|number|boolean|table
---@param options? {ttl:number|nil,holding:table|nil}
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil)
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as a machine's `submit`: "not_ready", "uncertain" and so on; and "not_holding"
function Map:set(key, value, options, callback) end

--- Gives a key a value if it has a certain value so far.
---@param key string
---@param old string|number|boolean|table|nil the expected value, a table by what is in it; nil if there must be none
---@param new string|number|boolean|table
---@param options? {ttl:number|nil,holding:table|nil}
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil)
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as `set`; and "not_equal": it has another value
function Map:replace(key, old, new, options, callback) end

--- Deletes a key. That there is none is no error.
---@param key string
---@param options? {holding:table|nil}
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil)
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as a machine's `submit`: "not_ready", "uncertain" and so on; and "not_holding"
function Map:delete(key, options, callback) end

--- Adds to a number. A key without a value counts from 0. A value that expires keeps its time, unless a new one is
--- given.
---@param key string
---@param by? number between -2^53 and 2^53 (default: 1)
---@param options? {ttl:number|nil,holding:table|nil}
---@param callback? fun(result:number|nil,message:string|nil,code:string|nil)
---@return number|nil # the sum
---@return string|nil # why it failed
---@return string|nil # as `set`; "not_a_number": the value is something else; "out_of_range": it or the sum is not between -2^53 and 2^53, where numbers are exact
function Map:increment(key, by, options, callback) end

--- Returns a key's value. Without `confirmed` it is read from this member's state at once: that is confirmed, but may
--- be old, and it is empty before the replica is ready. With `confirmed` it waits for all changes that were confirmed
--- anywhere before this call.
---@param key string
---@param options? {confirmed:boolean|nil}
---@param callback? fun(value:any,message:string|nil,code:string|nil) only with `confirmed`
---@return string|number|boolean|table|nil|nil # nil if there is none. A table is a copy
---@return string|nil # why it failed
---@return string|nil # with `confirmed`: as the replica's `barrier`
function Map:get(key, options, callback) end

--- Iterates over the keys with a prefix, in the order of the keys, as they are at this call: later changes do not show.
--- It looks at each key of the map once, and sorts those that it finds.
---@param prefix? string  (default: "")
---@return fun():string|nil,any # for `for key, value in prices:each "te" do`
function Map:each(prefix) end

--- Calls a function for each change of a key with a prefix, on this member, in the order of the changes, from this
--- call on; also when a key is set to the value that it has.
---
--- A member that begins, or comes back after a cut, may get the whole state from another one. Then `restarted` is
--- called, and after it `changed` once for each key whose value differs from what `changed` was called with last. So no
--- change is missed or told twice, but values in between are skipped.
---@param prefix string "" for all keys
---@param changed fun(key:string,new:any,old:any,index:integer) `new` is nil if the key was deleted or has expired, `old` if it had no value. `index` is that of the command; after `restarted`, of the last command in the state
---@param restarted? fun(index:integer)
---@return fun() # ends it
function Map:watch(prefix, changed, restarted) end
