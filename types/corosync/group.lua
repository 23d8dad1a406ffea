---@meta corosync.group
-- Written by `make types` from the doc comments.

--- Groups. A group is a member of one of Corosync's closed process groups while it is active.
---
--- Handlers are either plain functions,
---
---    local chat = corosync.group("chat", {
---      config_change = function(members, left, joined) end,
---      message_received = function(address, message) end,
---    })
---
--- or the methods of a class: a table whose `__index` is itself. Their first argument is the group, which also has
--- all the methods described here. A class may have methods of any name, but its own `send_message`, for instance, hides
--- the group's:
---
---    local Chat = {}
---    Chat.__index = Chat
---    function Chat:message_received(address, message) self:send_message("got " .. message) end
---    local chat = corosync.group("chat", Chat)
---
--- `config_change` is called for each change, at its point in the order of messages. New members, the ring and its
--- quorum are reported one after another, quorum even on another connection. `view_change(view)` is called once they
--- agree and nothing has changed for `settle` seconds. It needs a connection of its own (15 ms, 3 MB of /dev/shm).
---
--- After a network cut the losing side stays quorate until Corosync notices, 3.4 to 3.7 s with a token of 1000 ms on
--- three nodes. With `settle`, the winning side waits after it has noticed the cut, so that the losing side can notice
--- it, too. This delays every view, and does not help against a losing process that is paused: actions that must not
--- happen twice need fencing.
---
--- When the connection to Corosync is lost, `disconnected(reason)` is called. The group reconnects and joins again as
--- soon as Corosync is back, with pauses of at most 5 s between tries; its addresses stay the same tables. Until then
--- sends fail with "not_connected". Reconnecting needs a loop, or calls of `dispatch`. A Corosync that is paused rather
--- than gone blocks the call that connects. A group whose handlers lag beyond its reader's limit leaves (code
--- "overflow"), and does not reconnect by itself; `disconnected` may activate it.
---@class corosync.group
local module = {}

--- A settled view: the argument of `view_change`.
---@class corosync.group.view
---@field members corosync.cpg.address[] all of them on nodes of the ring
---@field ring corosync.cpg.ring
---@field nodes integer[] the ids of the nodes on the ring
---@field quorate boolean|nil whether that very ring has quorum; nil if Corosync has no quorum provider. Corosync then calls both sides of a cut quorate, and a view is made as soon as members and ring agree
---@field reason string|nil why `quorate` is nil: "no_quorum_provider"
---@field left corosync.cpg.address[] members of the last view that have left after it
---@field joined corosync.cpg.address[] members that have joined after the last view; one that left and came back is in both
---@field merged corosync.cpg.address[][]|nil when rings met again, the members that were on this member's side and those that came from other sides; else nil

---@class corosync.group.Group
---@field name string The group's name.
---@field timeout number How many seconds `send_message` and `wait_for` wait at most; 10 at first.
---@field settle number How many seconds without a change pass before `view_change` is called; 0 at first.
local Group = {}

--- Joins the group. The join is complete when `config_change` lists this process in `joined`; `send_message` waits for
--- it. A group that is still leaving joins again once it has left. Waits up to `timeout` seconds while the cluster's
--- membership is changing.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "exist" (a member with this pid is in that group), "timeout", "no_stack", and those of `cpg.open`: "not_connected", "access", "try_again", "no_memory", "no_space", "no_resources"
function Group:activate() end

--- Leaves the group. The leave is complete when `config_change` lists this process in `left`; the group is then removed
--- from its loop, and can be activated again. On a group that is not active it does nothing. If Corosync does not reply
--- within `timeout` seconds (at least 5), for example because it is paused, the group closes its connection, and the
--- other members see "procdown" when Corosync continues.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout" while the cluster's membership is changing, "no_stack", "wrong_process" (in a fork)
function Group:deactivate() end

--- Calls the handlers of the events that wait, without blocking. Loops call it.
---@param budget? integer the most events to handle, of which a view is one (default: 1000)
---@return integer|nil # how many were handled; none while the group reconnects, which this does when it is time
---@return boolean|string # whether more wait; or why it failed
---@return string|nil # "not_joined", "dispatching" (inside one of its handlers), "no_stack", "wrong_process" (in a fork)
function Group:dispatch(budget) end

--- Calls the handler of the oldest event that waits, in the running coroutine, without blocking. Use it instead of
--- `dispatch` if handlers are to yield, which Lua 5.1 does not allow. No other event is handled until the handler
--- returns. With `pack`, call `flush` for messages that are sent while a handler waits.
---@return boolean|nil # whether there was one
---@return string|nil # why it failed
---@return string|nil # "not_joined", "dispatching" (while one of its handlers has not returned), "no_stack", "wrong_process" (in a fork)
function Group:step() end

--- The descriptor to wait for; it changes with each activation, and when the connection is lost and comes back. See the
--- handle's `fd`, and `pollfd` for one that stays.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "not_joined"
function Group:fd() end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues): `cqueues.poll(group)` waits until
--- `dispatch` has something to do. It stays the same, and open, until the group object is collected, through all
--- activations: nothing needs `cqueues.cancel`. It is readable while the group is not active, so that `dispatch` is
--- called and fails.
---
--- cqueues also reads the field `timeout`: a poll ends after at most that many seconds, which does no harm unless the
--- field is near 0. A call that waits, as `send_message` may, blocks all coroutines.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "no_resources"
function Group:pollfd() end

--- The events to wait for on the descriptor, for cqueues.
---@return string # "r": until it is readable
function Group:events() end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Group:stop() end

--- Handles this group's events until the predicate returns true. Not for use inside this group's own handlers.
---@param predicate fun():any
---@param seconds? number the longest to wait; the field `timeout` when absent
---@param action? string names what the caller waits for in the error message
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout", "dispatching", "not_joined", "no_stack", "wrong_process" (in a fork)
function Group:wait_for(predicate, seconds, action) end

--- Sends a message to all members, including this one. Waits until the group has joined (`config_change` is called
--- before it returns), and then while Corosync cannot take more, each for at most `timeout` seconds. True means sent,
--- not delivered: if the node fails the message may be lost. The message has a place in the order when this member
--- receives it, which is no acknowledgement: a member that was cut off can receive a message of its own that no other
--- member gets.
---
--- Messages that a group has sent and its handlers have not handled wait in memory: at most a quarter of the reader's
--- limit (of 64 MiB without a reader), or a single message. Beyond that, a send of a group in `corosync.loop` calls
--- handlers of this group until there is room, for at most `timeout` seconds. Sends inside these handlers fail at once
--- with "backlog", of any size, so that the waiting send gets the room. Beyond the limit a send also fails with
--- "backlog" inside any other handler of this group, and without a loop: send the rest later, when more of this member's
--- messages have been handled.
---@param message string|string[] up to 1047552 bytes (with `pack`, 64 MiB), or an array of at most 63 strings, sent as one message
---@param guarantee? string "agreed" or "fifo" (default: "agreed")
---@return boolean|nil # true: Corosync has taken it; with `pack`, it is in a frame that will be sent
---@return string|nil # why it failed
---@return string|nil # "not_joined" (the group is not active, or is leaving), "timeout" (nothing was sent), "backlog" (nothing was sent: earlier messages of this group wait for its handlers), "too_big", "too_many", "interrupt" (of a split message nothing was delivered), "not_connected", "dispatching" (inside one of its handlers, before it has joined), "no_stack", "wrong_process" (in a fork); raises for anything but strings
function Group:send_message(message, guarantee) end

--- Sends all messages that `send_message` has accepted and packed, without waiting for more, see
--- [Packing](../topics/packing.md.html). Without this call they are sent when the loop's turn ends, and a lone message
--- at once. Waits while Corosync cannot take more, for at most `timeout` seconds.
---@return boolean|nil # true: all messages were sent; always true without `pack`
---@return string|nil # why it failed
---@return string|nil # "timeout" (the rest is sent later), "not_connected", "no_stack", "wrong_process" (in a fork)
function Group:flush() end

--- This process's address as members see it, whether or not the group is active.
---@return corosync.cpg.address|nil
---@return string|nil # why it failed
---@return string|nil # of a group that is not active, as `cpg.open`
function Group:address() end

--- The group's members. Of a group that has joined, those that `config_change` was last called with, without a request.
--- Before that, and when the group is not active, the local Corosync is asked for the present ones: a request for each
--- member, 30 µs or more, behind all requests that Corosync has queued; it blocks while Corosync is paused.
---@return corosync.cpg.address[]|nil # the caller's own table; empty when the group has no members
---@return string|nil # why it failed
---@return string|nil # "not_connected", "no_memory", and of a group that is not active those of `cpg.open`
function Group:members() end

--- The group's settled view, as `view_change` is called with it: its members, their ring, and whether that very ring is
--- quorate. Without a `view_change` handler the first call opens the connection to quorum (15 ms, 3 MB of /dev/shm), and
--- waits for its first event up to `timeout` seconds.
---@return corosync.group.view|nil
---@return string|nil # why it failed
---@return string|nil # "try_again" while the cluster is changing, "not_joined", and those of `quorum.open`
function Group:view() end

--- Whether the group is active: it has joined, or is joining, or joins again as soon as it has left, or as Corosync is
--- back.
---@return boolean
function Group:is_active() end

--- Whether this node's side of the cluster has quorum, as far as Corosync has noticed: after a cut the losing side
--- returns true for seconds (3.4 to 3.7 s with a token of 1000 ms on three nodes).
---@return boolean|nil
---@return string|nil # why it failed
---@return string|nil # "no_quorum_provider" (corosync.conf names none, so no side counts as quorate), "not_connected"
function Group:is_quorate() end

--- The value of a key of Corosync's configuration map.
---@param key string
---@return number|string|nil # an integer, a float or a string
---@return string # its type's name; or why it failed
---@return string|nil # "not_exist" when there is no such key, "invalid_param" and "name_too_long" for an impossible key, "out_of_range" when this Lua has no number for it, "not_connected", "access"
function Group:cmap_get(key) end

--- The base of all groups' methods.
---@type corosync.group.Group
module.Group = nil

---@class corosync.group.new.handlers_or_class
---@field config_change? fun(members:corosync.cpg.address[],left:corosync.cpg.address[],joined:corosync.cpg.address[])
---@field message_received? fun(address:corosync.cpg.address,message:string)
---@field view_change? fun(view:corosync.group.view)
---@field ring_change? fun(ring:corosync.cpg.ring,nodes:integer[])
---@field disconnected? fun(reason:string)
---@field lagged? fun(seconds:number,events:integer,bytes:integer)
---@field error? fun(message:string) called with the message and traceback of an error in a handler
---@field settle? number sets the field of that name (default: 0)
---@field split? boolean as for `corosync.cpg`'s open, like `window`, `reader` and `daemon_user` (default: false)
---@field window? integer with `pack` 8192 at first (default: 256)
---@field pack? boolean|table put many small messages into one Corosync message and cut long messages into pieces: see [Packing](../topics/packing.md.html). All members of the group must pack, or none (default: false)
---@field reader? boolean|table  (default: false)
---@field daemon_user? integer

--- Makes a group object; it is not active yet: add it to a loop, or activate it.
---@param name string 1 to 128 bytes, any bytes
---@param handlers_or_class corosync.group.new.handlers_or_class functions; or a class with them as methods, which get the group first
---@return corosync.group.Group # with the fields `name`, `timeout` (seconds, 10; with 0 a send that Corosync cannot take at once fails with "timeout") and `settle` (seconds without a change before `view_change` is called, 0; see above)
function module.new(name, handlers_or_class) end

return module
