--- Groups. A group is a member of one of Corosync's closed process groups while it is active.
--
-- Handlers are either plain functions,
--
--    local chat = corosync.group("chat", {
--      config_change = function(members, left, joined) end,
--      message_received = function(address, message) end,
--    })
--
-- or the methods of a class: a table whose `__index` is itself. Their first argument is the group, which also has
-- all the methods described here. A class may have methods of any name, but its own `send_message`, for instance, hides
-- the group's:
--
--    local Chat = {}
--    Chat.__index = Chat
--    function Chat:message_received(address, message) self:send_message("got " .. message) end
--    local chat = corosync.group("chat", Chat)
--
-- `config_change` is called for each change, at its point in the order of messages. New members, the ring and its
-- quorum are reported one after another, quorum even on another connection. `view_change(view)` is called once they
-- agree and nothing has changed for `settle` seconds. It needs a connection of its own (15 ms, 3 MB of /dev/shm).
--
-- After a network cut the losing side stays quorate until Corosync notices, 3.4 to 3.7 s with a token of 1000 ms on
-- three nodes. With `settle`, the winning side waits after it has noticed the cut, so that the losing side can notice
-- it, too. This delays every view, and does not help against a losing process that is paused: actions that must not
-- happen twice need fencing.
--
-- When the connection to Corosync is lost, `disconnected(reason)` is called. The group reconnects and joins again as
-- soon as Corosync is back, with pauses of at most 5 s between tries; its addresses stay the same tables. Until then
-- sends fail with "not_connected". Reconnecting needs a loop, or calls of `dispatch`. A Corosync that is paused rather
-- than gone blocks the call that connects. A group whose handlers lag beyond its reader's limit leaves (code
-- "overflow"), and does not reconnect by itself; `disconnected` may activate it.
--
-- @module corosync.group

local KEY = require "corosync.private"
local activation = require "corosync.group.activation"
local arguments = require "corosync.group.arguments"
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local errors = require "corosync.errors"
local object = require "corosync.group.object"
local pollfd = require "corosync.group.pollfd"
local query = require "corosync.group.query"
local send = require "corosync.group.send"
local wait_for = require "corosync.group.wait_for"

--- A settled view: the argument of `view_change`.
-- @table view
-- @tfield corosync.cpg.address[] members all of them on nodes of the ring
-- @tfield corosync.cpg.ring ring
-- @tfield integer[] nodes the ids of the nodes on the ring
-- @tfield boolean|nil quorate whether that very ring has quorum; nil if Corosync has no quorum provider. Corosync then
-- calls both sides of a cut quorate, and a view is made as soon as members and ring agree
-- @tfield string|nil reason why `quorate` is nil: "no_quorum_provider"
-- @tfield corosync.cpg.address[] left members of the last view that have left after it
-- @tfield corosync.cpg.address[] joined members that have joined after the last view; one that left and came back is in
-- both
-- @tfield corosync.cpg.address[][]|nil merged when rings met again, the members that were on this member's side and
-- those that came from other sides; else nil

--- @type Group
local Group = { settle = 0 }

--- The group's name.
-- @tfield string name

--- How many seconds `send_message` and `wait_for` wait at most; 10 at first.
-- @tfield number timeout

--- How many seconds without a change pass before `view_change` is called; 0 at first.
-- @tfield number settle

--- Joins the group. The join is complete when `config_change` lists this process in `joined`; `send_message` waits for
-- it. A group that is still leaving joins again once it has left. Waits up to `timeout` seconds while the cluster's
-- membership is changing.
-- @treturn boolean true
-- @error nil, message, code: "exist" (a member with this pid is in that group), "timeout", "no_stack", and those of
-- `cpg.open`: "not_connected", "access", "try_again", "no_memory", "no_space", "no_resources"
function Group:activate()
  return activation.activate(self[KEY])
end

--- Leaves the group. The leave is complete when `config_change` lists this process in `left`; the group is then removed
-- from its loop, and can be activated again. On a group that is not active it does nothing. If Corosync does not reply
-- within `timeout` seconds (at least 5), for example because it is paused, the group closes its connection, and the
-- other members see "procdown" when Corosync continues.
-- @treturn boolean true
-- @error nil, message, code: "timeout" while the cluster's membership is changing, "no_stack", "wrong_process" (in a
-- fork)
function Group:deactivate()
  return activation.deactivate(self[KEY])
end

--- Calls the handlers of the events that wait, without blocking. Loops call it.
-- @tparam[opt=1000] integer budget the most events to handle, of which a view is one
-- @treturn integer how many were handled; none while the group reconnects, which this does when it is time
-- @treturn boolean whether more wait
-- @error nil, message, code: "not_joined", "dispatching" (inside one of its handlers), "no_stack", "wrong_process" (in
-- a fork)
function Group:dispatch(budget)
  return dispatch.dispatch(self[KEY], budget)
end

--- Calls the handler of the oldest event that waits, in the running coroutine, without blocking. Use it instead of
-- `dispatch` if handlers are to yield, which Lua 5.1 does not allow. No other event is handled until the handler
-- returns. With `pack`, call `flush` for messages that are sent while a handler waits.
-- @treturn boolean whether there was one
-- @error nil, message, code: "not_joined", "dispatching" (while one of its handlers has not returned), "no_stack",
-- "wrong_process" (in a fork)
function Group:step()
  return dispatch.step(self[KEY])
end

--- The descriptor to wait for; it changes with each activation, and when the connection is lost and comes back. See the
-- handle's `fd`, and `pollfd` for one that stays.
-- @treturn integer
-- @error nil, message, code: "not_joined"
function Group:fd()
  return pollfd.fd(self[KEY])
end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues): `cqueues.poll(group)` waits until
-- `dispatch` has something to do. It stays the same, and open, until the group object is collected, through all
-- activations: nothing needs `cqueues.cancel`. It is readable while the group is not active, so that `dispatch` is
-- called and fails.
--
-- cqueues also reads the field `timeout`: a poll ends after at most that many seconds, which does no harm unless the
-- field is near 0. A call that waits, as `send_message` may, blocks all coroutines.
-- @treturn integer
-- @error nil, message, code: "no_resources"
-- @usage
-- controller:wrap(function()
--   while group:dispatch() do cqueues.poll(group) end
-- end)
function Group:pollfd()
  return pollfd.get(self[KEY])
end

--- The events to wait for on the descriptor, for cqueues.
-- @treturn string "r": until it is readable
function Group:events() -- luacheck: ignore 212
  return "r"
end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Group:stop()
  dispatch.stop(self[KEY])
end

--- Handles this group's events until the predicate returns true. Not for use inside this group's own handlers.
-- @tparam fun():any predicate
-- @tparam[opt] number seconds the longest to wait; the field `timeout` when absent
-- @tparam[opt] string action names what the caller waits for in the error message
-- @treturn boolean true
-- @error nil, message, code: "timeout", "dispatching", "not_joined", "no_stack", "wrong_process" (in a fork)
function Group:wait_for(predicate, seconds, action)
  seconds = seconds or self.timeout
  if type(predicate) ~= "function" then
    errors.raise("bad argument #1 to 'wait_for' (function expected, got %s)", type(predicate))
  elseif type(seconds) ~= "number" then
    errors.raise("bad argument #2 to 'wait_for' (number expected, got %s)", type(seconds))
  end
  return wait_for(self[KEY], predicate, seconds, action or "wait for")
end

--- Sends a message to all members, including this one. Waits until the group has joined (`config_change` is called
-- before it returns), and then while Corosync cannot take more, each for at most `timeout` seconds. True means sent,
-- not delivered: if the node fails the message may be lost. The message has a place in the order when this member
-- receives it, which is no acknowledgement: a member that was cut off can receive a message of its own that no other
-- member gets.
--
-- Messages that a group has sent and its handlers have not handled wait in memory: at most a quarter of the reader's
-- limit (of 64 MiB without a reader), or a single message. Beyond that, a send of a group in @{corosync.loop} calls
-- handlers of this group until there is room, for at most `timeout` seconds. Sends inside these handlers fail at once
-- with "backlog", of any size, so that the waiting send gets the room. Beyond the limit a send also fails with
-- "backlog" inside any other handler of this group, and without a loop: send the rest later, when more of this member's
-- messages have been handled.
-- @tparam string|string[] message up to 1047552 bytes (with `pack`, 64 MiB), or an array of at most 63 strings, sent as
-- one message
-- @tparam[opt="agreed"] string guarantee "agreed" or "fifo"
-- @treturn boolean true: Corosync has taken it; with `pack`, it is in a frame that will be sent
-- @error nil, message, code: "not_joined" (the group is not active, or is leaving), "timeout" (nothing was sent),
-- "backlog" (nothing was sent: earlier messages of this group wait for its handlers),
-- "too_big", "too_many", "interrupt" (of a split message nothing was delivered), "not_connected", "dispatching" (inside
-- one of its handlers, before it has joined), "no_stack", "wrong_process" (in a fork); raises for anything but strings
-- @function Group:send_message

--- Sends all messages that `send_message` has accepted and packed, without waiting for more, see
-- [Packing](../topics/packing.md.html). Without this call they are sent when the loop's turn ends, and a lone message
-- at once. Waits while Corosync cannot take more, for at most `timeout` seconds.
-- @treturn boolean true: all messages were sent; always true without `pack`
-- @error nil, message, code: "timeout" (the rest is sent later), "not_connected", "no_stack", "wrong_process" (in a
-- fork)
function Group:flush()
  return send.flush(self[KEY])
end

--- This process's address as members see it, whether or not the group is active.
-- @treturn corosync.cpg.address
-- @error nil, message, code, of a group that is not active, as `cpg.open`
function Group:address()
  return query.address(self[KEY])
end

--- The group's members. Of a group that has joined, those that `config_change` was last called with, without a request.
-- Before that, and when the group is not active, the local Corosync is asked for the present ones: a request for each
-- member, 30 µs or more, behind all requests that Corosync has queued; it blocks while Corosync is paused.
-- @treturn corosync.cpg.address[] the caller's own table; empty when the group has no members
-- @error nil, message, code: "not_connected", "no_memory", and of a group that is not active those of `cpg.open`
function Group:members()
  return query.members(self[KEY])
end

--- The group's settled view, as `view_change` is called with it: its members, their ring, and whether that very ring is
-- quorate. Without a `view_change` handler the first call opens the connection to quorum (15 ms, 3 MB of /dev/shm), and
-- waits for its first event up to `timeout` seconds.
-- @treturn view
-- @error nil, message, code: "try_again" while the cluster is changing, "not_joined", and those of `quorum.open`
function Group:view()
  return query.view(self[KEY])
end

--- Whether the group is active: it has joined, or is joining, or joins again as soon as it has left, or as Corosync is
-- back.
-- @treturn boolean
function Group:is_active()
  return activation.is_active(self[KEY])
end

--- Whether this node's side of the cluster has quorum, as far as Corosync has noticed: after a cut the losing side
-- returns true for seconds (3.4 to 3.7 s with a token of 1000 ms on three nodes).
-- @treturn boolean
-- @error nil, message, code: "no_quorum_provider" (corosync.conf names none, so no side counts as quorate),
-- "not_connected"
function Group:is_quorate()
  return cluster.is_quorate(arguments.option(self[KEY].handlers, "daemon_user"))
end

--- The value of a key of Corosync's configuration map.
-- @tparam string key
-- @treturn number|string an integer, a float or a string
-- @treturn string its type's name
-- @error nil, message, code: "not_exist" when there is no such key, "invalid_param" and "name_too_long" for an
-- impossible key, "out_of_range" when this Lua has no number for it, "not_connected", "access"
function Group:cmap_get(key)
  return cluster.cmap_get(key, arguments.option(self[KEY].handlers, "daemon_user"))
end

errors.guard_methods(Group, KEY, "group")
Group.send_message = core.cpg.sender(KEY, send.message)

--- The functions of the module.
-- @section functions

--- The base of all groups' methods.
-- @tfield Group Group

--- Makes a group object; it is not active yet: add it to a loop, or activate it.
-- @tparam string name 1 to 128 bytes, any bytes
-- @tparam table handlers_or_class functions; or a class with them as methods, which get the group first
-- @tparam[opt] fun(members:corosync.cpg.address[],left:corosync.cpg.address[],joined:corosync.cpg.address[])
-- handlers_or_class.config_change
-- @tparam[opt] fun(address:corosync.cpg.address,message:string) handlers_or_class.message_received
-- @tparam[opt] fun(view:view) handlers_or_class.view_change
-- @tparam[opt] fun(ring:corosync.cpg.ring,nodes:integer[]) handlers_or_class.ring_change
-- @tparam[opt] fun(reason:string) handlers_or_class.disconnected
-- @tparam[opt] fun(seconds:number,events:integer,bytes:integer) handlers_or_class.lagged
-- @tparam[opt] fun(message:string) handlers_or_class.error called with the message and traceback of an error in a
-- handler
-- @tparam[opt=0] number handlers_or_class.settle sets the field of that name
-- @tparam[opt=false] boolean handlers_or_class.split as for @{corosync.cpg}'s open, like `window`, `reader` and
-- `daemon_user`
-- @tparam[opt=256] integer handlers_or_class.window with `pack` 8192 at first
-- @tparam[opt=false] boolean|table handlers_or_class.pack put many small messages into one Corosync message and cut
-- long messages into pieces: see [Packing](../topics/packing.md.html). All members of the group must pack, or none
-- @tparam[opt=false] boolean|table handlers_or_class.reader
-- @tparam[opt] integer handlers_or_class.daemon_user
-- @treturn Group with the fields `name`, `timeout` (seconds, 10; with 0 a send that Corosync cannot take at once
-- fails with "timeout") and `settle` (seconds without a change before `view_change` is called, 0; see above)
-- @function new
-- @raise for a bad name, for a field that it does not know, and for a class with a method that is probably a misspelt
-- handler, as `config_changed`
local function new(name, handlers_or_class)
  return object.new(Group, name, handlers_or_class)
end

return { Group = Group, new = new }
