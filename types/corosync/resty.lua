---@meta corosync.resty
-- Written by `make types` from the doc comments.

--- Groups in OpenResty, or nginx with its Lua module and lua-resty-core. A node is a member of a group once, for all
--- its workers, and each worker's handlers are called for all events, in one order.
---
--- Handlers run one after another in a light thread, so they may use cosockets, `ngx.sleep`, shared dictionaries and
--- everything else that is allowed in timers:
---
---    init_worker_by_lua_block {
---      local corosync_resty = require "corosync.resty"
---      news = assert(corosync_resty.group("news", {
---        message_received = function(address, message) ngx.shared.news:set(tostring(address), message) end,
---      }))
---    }
---
--- and from any request `news:send_message "hello"`. The workers share what the group has received in shared memory,
--- which nginx.conf must have: `lua_shared_dict corosync 10m;`. See [In OpenResty](../topics/openresty.md.html). With
--- the option `per = "worker"` each worker is a member of its own, and needs no shared memory.
---
--- A group has the methods of `corosync.group`, with these differences.
---
--- A worker waits for Corosync only in short calls on this machine: opening a connection takes 15 ms, and leaving waits
--- while Corosync is paused or its membership changes. There is no polling: one helper thread per worker waits for the
--- connections of its groups and wakes their light threads. While a handler runs, later events wait in shared memory. A
--- worker that is too slow for them is disconnected, and others are not: long work belongs in a timer or a light thread
--- of its own.
---
--- A group connects, and reconnects after Corosync has gone, by itself: `disconnected(reason)` is called once, when the
--- connection is lost, and `config_change`, with this member in `joined`, when the group has joined (again). Messages
--- sent in between are missed. A new worker, after a reload or a crash, begins in the same way.
---
--- A worker that exits gracefully (`nginx -s quit`, `nginx -s reload`) leaves its groups at once. For a fast exit
--- (`nginx -s stop`) call `corosync_resty.leave()` in `exit_worker_by_lua_block`, else the others see "procdown".
---
--- Handlers must not call `ngx.exit`: it ends the light thread that calls them. This is reported, and another light
--- thread continues with the next event within 2 s; a replica is closed. Each group occupies one of nginx's running
--- timers (`lua_max_running_timers`).
---@class corosync.resty
local module = {}

---@class corosync.resty.group.options
---@field per? string "node", or "worker": each worker is a member (default: "node")
---@field directory? string where the socket to the helper thread is made for a moment (default: "/tmp")
---@field poll? number seconds between polls for events, instead of using a helper thread; 0.01 where there are no threads

--- Makes this node a member of a group, for all workers that call it: in `init_worker_by_lua`. The group joins in the
--- background.
---@param name string 1 to 128 bytes, any bytes
---@param handlers_or_class corosync.group.new.handlers_or_class|table as for `corosync.group`
---@param options? corosync.resty.group.options
---@return corosync.resty.Group|nil
---@return string|nil # why it failed
---@return string|nil # "wrong_phase" in `init_by_lua`, whose master process has no workers yet, and in requests, each of which would make a group; "exist" when this worker has a group of that name; "no_resources"; "closed" when the worker exits; "no_dict" when nginx.conf lacks the shared memory, "no_memory" when that is full. Raises for wrong arguments.
function module.group(name, handlers_or_class, options) end

--- Makes this worker a member of a replica (see `corosync.replica`): call it in `init_worker_by_lua`. Each worker is a
--- member with a copy of the state; all workers of a node count as one.
---
---    init_worker_by_lua_block {
---      local app = assert(require("corosync.resty").replica "shop")
---      stock = app:machine("stock", { apply = function(state, item) state[item] = (state[item] or 0) + 1 end })
---    }
---
--- and in any request `stock:submit "tea"`, whose light thread waits for the result. In a phase that cannot wait (such
--- as `log_by_lua`) it fails with "wrong_phase" unless it gets a callback. `apply`, `changed`, watchers and callbacks
--- are called in the light thread of the replica, one after another. One that waits blocks the others, and inside them
--- `submit` without a callback fails with "dispatching". A worker that exits leaves the replica;
--- at a reload, when a new worker of its node has the state.
---@param name string 1 to 120 bytes
---@param options? table as for `corosync.replica`, without `loop` and `storage`; and as for `group`
---@return corosync.replica.Replica|nil
---@return string|nil # why it failed
---@return string|nil # as `group`. Raises for wrong arguments.
function module.replica(name, options) end

--- Leaves all groups of this worker, at once and for good: for `exit_worker_by_lua_block`. It may take up to 5 s
--- for each group whose Corosync cannot take the request, and 7 s more if Corosync is paused.
function module.leave() end

---@class corosync.resty.Group: corosync.group.Group
local Group = {}

--- Joins: in the background, and again whenever the connection is lost. A new group is active already.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "no_resources" when nginx has no timer left, "closed" when the worker exits
function Group:activate() end

--- Leaves, in the background. The leave is complete when `config_change` lists this member in `left`.
---@return boolean # true
function Group:deactivate() end

--- Whether the group is a member, or tries to be.
---@return boolean
function Group:is_active() end

--- Lets the calling light thread wait until a condition holds, which is checked after each event of the group.
--- Not for use in this group's own handlers.
---@param predicate fun():any
---@param seconds? number the longest to wait; the field `timeout` when absent
---@param action? string for the message of a failure, as "wait for"
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout", "dispatching", "wrong_phase" where light threads cannot wait, "not_joined" when the worker exits and has left the group
function Group:wait_for(predicate, seconds, action) end

--- Sends a message to all members, including this one. Waits, without blocking the worker, until the group has joined,
--- and while Corosync cannot take more, at most `timeout` seconds each. It does not wait while Corosync is away. In a
--- phase where nothing can wait (`log_by_lua`, for instance) it returns at once. It also waits while the group has sent
--- as much as may wait for its handlers (see `corosync.group`). Then it fails at once inside a handler of the group,
--- and inside another group's handler if this group's handler waits for that group.
---@param message string|string[] up to 1047552 bytes, or an array of at most 63 strings, sent as one message
---@param guarantee? string "agreed" or "fifo" (default: "agreed")
---@return boolean|nil # true: Corosync has taken it
---@return string|nil # why it failed
---@return string|nil # "not_connected", "not_joined" (the group is not active, or the worker is exiting), "timeout" (nothing was sent), "backlog" in a handler; "try_again", "backlog", "wrong_phase" where nothing can wait; "too_big", "too_many"; raises for anything but strings
function Group:send_message(message, guarantee) end

--- This node's address in the group, as `config_change` gives it: the one of all its workers. With `per = "worker"`,
--- this worker's.
---@return corosync.cpg.address|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" before the first connection
function Group:address() end

--- The group's members, as for `corosync.group`: once joined, those that `config_change` was last called with.
---@return corosync.cpg.address[]|nil # empty when the group has no members
---@return string|nil # why it failed
---@return string|nil # "not_connected"
function Group:members() end

--- The group's settled view, as for `corosync.group`.
---@return corosync.group.view|nil
---@return string|nil # why it failed
---@return string|nil # "try_again", "not_joined", "not_connected"
function Group:view() end

return module
