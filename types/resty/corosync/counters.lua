---@meta resty.corosync.counters
-- Written by `make types` from the doc comments.

--- Counters that all nodes share, for rate limits, with the methods of
--- [resty.limit.count](https://github.com/openresty/lua-resty-limit-traffic).
---
---    init_worker_by_lua_block {
---      counters = assert(require("resty.corosync.counters").new("limits", { store = "limits", window = 60 }))
---      limit = counters:limit(1000) -- requests of all nodes in 60 s
---    }
---
---    access_by_lua_block {
---      local delay, err = limit:incoming(ngx.var.remote_addr, true)
---      if not delay then return ngx.exit(err == "rejected" and 429 or 500) end
---    }
---
--- Each node counts the requests of all its workers, exactly, in a `lua_shared_dict`, and sends the sums that have
--- changed to the other nodes every `interval` seconds. No request waits for a message.
---
--- **Error.** What a node knows of the others' counts is up to `interval` plus a message's delay old. So with n nodes
--- that each get at most r requests for a key per second, up to (n - 1) r (`interval` + a message's delay) requests more
--- than the limit pass in a window, and never fewer than the limit. While the network is cut, each side counts only
--- its own requests. Windows begin at multiples of `window` by each node's clock, so the
--- clocks should agree: one that differs by s seconds counts for that time in another window. A node that starts has the
--- counts of the others after `interval`.
---@class resty.corosync.counters
local module = {}

---@class resty.corosync.counters.Counters
local Counters = {}

--- Adds to a count of the current window.
---@param key string
---@param by? integer may be negative (default: 1)
---@return integer|nil # the sum of all nodes, as far as this one knows
---@return string|nil # why it failed
---@return string|nil # nil, message: the dictionary has no memory left
function Counters:increment(key, by) end

--- Returns a count of the current window.
---@param key string
---@return integer # the sum of all nodes, as far as this one knows
function Counters:get(key) end

--- Returns an object with the methods of resty.limit.count: `incoming(key, commit)` returns 0 and how many requests
--- are left in the window; or nil, "rejected"; or nil, message. `uncommit(key)` takes a request back, and returns
--- the number that are left.
---@param limit number the most requests of all nodes in a window, greater than 0
---@return table
function Counters:limit(limit) end

---@class resty.corosync.counters.new.options
---@field store string the name of a `lua_shared_dict` that these counters alone use
---@field window number seconds in which requests are counted together
---@field interval? number seconds between two messages (default: 0.1)

--- Makes this worker count: call it in `init_worker_by_lua`.
---@param name string of the group: 1 to 128 bytes
---@param options resty.corosync.counters.new.options
---@return resty.corosync.counters.Counters|nil
---@return string|nil # why it failed
---@return string|nil # as `corosync.resty`'s `group`; "no_resources" when nginx has no timer left
function module.new(name, options) end

return module
