---@meta resty.corosync.events
-- Written by `make types` from the doc comments.

--- Events for all workers of all nodes, with the methods of
--- [lua-resty-events](https://github.com/Kong/lua-resty-events).
---
---    init_worker_by_lua_block {
---      ev = require("resty.corosync.events").new { name = "events" }
---      ev:subscribe("config", "*", function(data, event, source, address) reload(data) end)
---      assert(ev:init_worker())
---    }
---
---    ev:publish("all", "config", "changed", { version = 7 })
---
--- There is no broker: no `listening` socket, and no `run`. Callbacks run one after another, for "all" in the same order
--- in all workers. Events are lost while Corosync is down, and may be lost when nodes come or go.
---@class resty.corosync.events
local module = {}

---@class resty.corosync.events.Events
local Events = {}

--- Makes this worker a member: call it in `init_worker_by_lua`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as `corosync.resty`'s `group`
function Events:init_worker() end

--- Publishes an event.
---@param target string "all": all workers of all nodes, this one included; "current": this worker only; any other string is a hash: of the workers that publish an event with this hash within `unique_timeout`, the first one calls its callbacks, and the others call none. If that worker ends before, none are called.
---@param source string
---@param event string
---@param data? string|number|boolean|table for "current" anything; else what MessagePack can encode, at most 1 MB
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as `corosync.resty`'s `send_message`; "no_resources" for "current" when nginx has no timer left
function Events:publish(target, source, event, data) end

--- Registers a callback.
---@param source string or "*" for all
---@param event string or "*" for all
---@param callback fun(data:any,event:string,source:string,address:corosync.cpg.address|nil) `address` is that of the worker that published; nil for "current"
---@return integer # an id for `unsubscribe`
function Events:subscribe(source, event, callback) end

--- Removes a callback.
---@param id integer
function Events:unsubscribe(id) end

--- Whether this worker is a member, so that it receives events.
---@return boolean
function Events:is_ready() end

---@class resty.corosync.events.new.options
---@field name string of the group: 1 to 128 bytes
---@field unique_timeout? number seconds for which a worker ignores further events with the same hash (default: 5)

--- Makes an object for events; it is not a member yet.
---@param options resty.corosync.events.new.options
---@return resty.corosync.events.Events
function module.new(options) end

return module
