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
-- `config_change` is called for each change, at its point in the order of messages. Members, ring and quorum change one
-- after another, the quorum even on another connection. `view_change(view)` is called once they agree and nothing has
-- changed for `settle` seconds. It needs a connection of its own (15 ms, 3 MB of /dev/shm).
--
-- After a network cut the losing side stays quorate until Corosync notices, 3.4 to 3.7 s with a token of 1000 ms on
-- three nodes. `settle` makes the winner wait after it has noticed, for the slowest loser to notice as well. It delays
-- every view by that much, and does not cover a loser that is stopped: actions that must not happen twice need fencing.
--
-- When Corosync goes, `disconnected(reason)` is called, and the group reconnects as soon as Corosync is back, with
-- pauses of at most 5 s between tries: it joins again, and its addresses stay the same tables. Until then sends fail
-- with "not_connected". Reconnecting needs a loop, or calls of `dispatch`; and a Corosync that is stopped, not gone,
-- blocks the call that connects. A group whose handlers lag beyond its reader's limit has left (code "overflow"), and
-- does not reconnect: `disconnected` may activate it.
--
-- @module corosync.group

local KEY = require "corosync.private"
local cluster = require "corosync.cluster"
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local counters = require "corosync.group.counters"
local dispatch = require "corosync.group.dispatch"
local errors = require "corosync.errors"
local handlers = require "corosync.handlers"
local loss = require "corosync.group.loss"
local membership = require "corosync.group.membership"
local pollfd = require "corosync.group.pollfd"
local retry = require "corosync.group.retry"
local state = require "corosync.group.state"

--- A settled view: the argument of `view_change`.
-- @table view
-- @tfield corosync.cpg.address[] members all of them on nodes of the ring
-- @tfield corosync.cpg.ring ring
-- @tfield integer[] nodes the ids of the nodes on the ring
-- @tfield boolean|nil quorate whether that very ring has quorum; nil where Corosync has no quorum provider: it calls
-- both sides of a cut quorate then, and a view is made as soon as members and ring agree
-- @tfield string|nil reason why `quorate` is nil: "no_quorum_provider"
-- @tfield corosync.cpg.address[] left members of the last view that have left after it
-- @tfield corosync.cpg.address[] joined members that have joined after the last view; one that left and came back is in
-- both
-- @tfield corosync.cpg.address[][]|nil merged when rings met again, the members that were on this member's side and
-- those that came from other sides; else nil

local DEFAULT_TIMEOUT = 10 -- seconds
local LONGEST_NAME = 128 -- bytes
local AWAY = "Corosync on this node is away: the group reconnects when Corosync is back"

--- @type Group
local Group = { settle = 0 }

--- The group's name.
-- @tfield string name

--- How many seconds `send_message` and `wait_for` wait at most; 10 at first.
-- @tfield number timeout

--- How many seconds without a change pass before `view_change` is called; 0 at first.
-- @tfield number settle

local failure = errors.failure
local now = core.now

local function check_name(name)
  if type(name) ~= "string" then
    errors.raise("bad argument #1 'name' to 'group' (string expected, got %s)", type(name))
  elseif name == "" or #name > LONGEST_NAME then
    errors.raise("bad argument #1 'name' to 'group' (1 to 128 bytes expected, got %d)", #name)
  end
end

local function is_active(record)
  return state.is_member(record) or record.state == "reconnecting" or record.rejoin
end

local function activate(record)
  local ok, message, code = record.hooks.before_activate(record)
  if not ok then
    return nil, message, code
  end
  handlers.observe(record, "activate")
  if record.state == "leaving" or record.state == "left" then
    record.rejoin = true
  elseif record.state == "idle" then
    ok, message, code = membership.join(record)
  end
  if not ok then
    handlers.observe(record, "not_activated", code)
    return nil, message, code
  end
  return true
end

--- Joins the group. The join is complete when `config_change` lists oneself in `joined`; `send_message` waits for it.
-- A group that is still leaving joins again once it has left. Waits up to `timeout` seconds while the cluster's
-- membership is changing.
-- @treturn boolean true
-- @error nil, message, code: "exist" (a member with this pid is in that group), "timeout", "no_stack", and those of
-- `cpg.open`: "not_connected", "access", "try_again", "no_memory", "no_space", "no_resources"
function Group:activate()
  return activate(self[KEY])
end

--- Leaves the group. Complete when `config_change` lists oneself in `left`; the group is then removed from its loop,
-- and can be activated again. On a group that is not active it does nothing.
-- @treturn boolean true
-- @error nil, message, code: "timeout" while the cluster's membership is changing, "no_stack", "wrong_process" (in a
-- fork)
function Group:deactivate()
  local record = self[KEY]
  record.rejoin = false
  local ok, message, code = true, nil, nil
  if record.state == "reconnecting" then
    connection.close(record)
    connection.release_timer(record)
  elseif state.is_member(record) then
    ok, message, code = membership.leave(record)
  end
  if not ok then
    return nil, message, code
  end
  handlers.observe(record, "deactivate")
  return true
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

--- Calls the handler of the oldest event that waits, in the running coroutine, without blocking: where Lua allows it
-- (not in Lua 5.1), the handler may yield. Until it returns no other event is handled. Instead of `dispatch`. With
-- `pack`, call `flush` for messages that are sent while a handler waits.
-- @treturn boolean whether there was one
-- @error nil, message, code: "not_joined", "dispatching" (while one of its handlers has not returned), "no_stack",
-- "wrong_process" (in a fork)
function Group:step()
  return dispatch.step(self[KEY])
end

local function fd(record)
  if record.state == "idle" then
    return failure("wait for", record.object, "it is not active: activate it first", "not_joined")
  end
  return pollfd.source(record):fd()
end

--- The descriptor to wait for; it changes with each activation, and when the connection is lost and comes back. See the
-- handle's `fd`, and `pollfd` for one that stays.
-- @treturn integer
-- @error nil, message, code: "not_joined"
function Group:fd()
  return fd(self[KEY])
end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues): `cqueues.poll(group)` waits until
-- `dispatch` has something to do. It stays the same, and open, until the group object is collected, through all
-- activations: nothing needs `cqueues.cancel`. It is readable while the group is not active, so that dispatch says so.
--
-- cqueues takes the field `timeout` as well: a poll ends after so many seconds at the latest, which does no harm unless
-- the field is near 0. A call that waits, as `send_message` may, holds up all coroutines.
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

local function stop(record)
  record.stopped = true
  if record.handle then
    record.handle:stop()
  end
end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Group:stop()
  stop(self[KEY])
end

local function wait_for(record, predicate, seconds, action)
  local deadline = now() + seconds
  if record.loop then
    record.loop.wake(record) -- for events that are fetched here and not handled
  end
  while not predicate() do
    local handled, more, code = dispatch.dispatch(record, 1)
    if not handled then
      return nil, more, code
    end
    local left = deadline - now()
    if (left <= 0 or left ~= left) and not predicate() then
      local why = record.retry and " (the connection was lost, and has not come back)" or ""
      return failure(action, record.object, ("not within %g s%s"):format(seconds, why), "timeout")
    elseif left > 0 and handled == 0 and record.state ~= "idle" and not predicate() then
      pollfd.source(record):wait(left)
    end
  end
  return true
end

--- Handles this group's events until something holds. Not for use inside this group's own handlers.
-- @tparam fun():any predicate
-- @tparam[opt] number seconds the longest to wait; the field `timeout` when absent
-- @tparam[opt] string action is waited for, for the message
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

-- The record of a group that is not joined, once it can send; or nil, message, code.
local function wait_until_joined(record)
  if record.hooks.activates_to_send and not is_active(record) then
    local ok, message, code = activate(record)
    if not ok then
      return nil, message, code
    end
  end
  if state.is_joining(record) then
    local function is_over() return not state.is_joining(record) end
    local ok, message, code = record.hooks.wait_for(record, is_over, record.object.timeout, "complete the join of")
    if not ok then
      return nil, message, code
    end
  end
  if record.state == "reconnecting" then
    return failure("send to", record.object, AWAY, "not_connected")
  elseif record.state ~= "joined" then
    return failure("send to", record.object, "it is not active: activate it first", "not_joined")
  end
  return true
end

-- After a send that has failed. True, or nil, message, code.
local function send_again(record, message, guarantee, why, code)
  if retry.may_help(record, code) then
    return retry.again(record, "send to", why, code, "send", message, guarantee)
  end
  return nil, why, code
end

local function send(record, message, guarantee)
  local ok, why, code = true, nil, nil
  if record.state ~= "joined" then
    ok, why, code = wait_until_joined(record)
  end
  if not ok then
    return nil, why, code
  elseif record.send_waits then
    return failure("send to", record.object, "an earlier send waits for room: send this one later", "backlog")
  end
  ok, why, code = errors.call("send_message", -1, record.handle.send, record.handle, message, guarantee)
  if ok then
    return true
  end
  return send_again(record, message, guarantee, why, code)
end

local function send_observed(record, message, guarantee)
  local number = handlers.observe(record, "send", message)
  local ok, why, code = send(record, message, guarantee)
  if number then
    handlers.observe(record, "sent", number, ok, code)
  end
  if ok then
    return true
  end
  return nil, why, code
end

local function count_failure(record, ok, why, code)
  if ok then
    return true
  end
  counters.note_failure(record, code)
  return nil, why, code
end

-- Called for each send that the handle has not accepted at once. `why` and `code` are set if the handle refused it.
local function send_message(group, message, guarantee, why, code)
  local record = type(group) == "table" and group[KEY]
  if why then
    return count_failure(record, send_again(record, message, guarantee, why, code))
  elseif not record then
    errors.raise "send_message is a method: call it with a colon, as group:send_message(message)"
  end
  return count_failure(record, (record.is_observed and send_observed or send)(record, message, guarantee))
end

--- Sends a message to all members, oneself included. Waits until the group has joined (`config_change` is called before
-- it returns) and while Corosync cannot take more, together at most `timeout` seconds each. True means sent, not
-- delivered: if the node fails the message may be lost. Receiving one's own message gives it a place in the order, and
-- is no acknowledgement: a member that was cut off can receive a message of its own that no other member gets.
--
-- Messages that a group has sent and its handlers have not handled wait in memory: at most a quarter of the reader's
-- limit (of 64 MiB without a reader), or a single message. Beyond that, a send of a group in @{corosync.loop} calls
-- handlers of this group until there is room, for at most `timeout` seconds. Sends inside these handlers fail at once
-- with "backlog", of any size, so that the waiting send gets the room. Beyond the limit a send also fails with
-- "backlog" inside any other handler of this group, and without a loop: send the rest later, after more of one's own
-- messages are handled.
-- @tparam string|string[] message up to 1047552 bytes (with `pack`, 64 MiB), or an array of at most 63 strings, sent as
-- one message
-- @tparam[opt="agreed"] string guarantee "agreed" or "fifo"
-- @treturn boolean true: Corosync has taken it; with `pack`, it is in a frame that will be sent
-- @error nil, message, code: "not_joined" (the group is not active, or is leaving), "timeout" (nothing was sent),
-- "backlog" (nothing was sent: earlier messages of this group wait for its handlers),
-- "too_big", "too_many", "interrupt" (of a split message nothing was delivered), "not_connected", "dispatching" (inside
-- one of its handlers, before it has joined), "no_stack", "wrong_process" (in a fork); raises for anything but strings
-- @function Group:send_message

local function flush(record)
  local ok, message, code = true, nil, nil
  if state.is_member(record) then
    ok, message, code = retry.call(record, "flush", "flush")
  end
  if ok then
    return true
  end
  return nil, message, code
end

--- Sends all messages that `send_message` has accepted and packed, without waiting for more, see
-- [Packing](../topics/packing.md.html). Without this call they are sent when the loop's turn ends, and a lone message
-- at once. Waits while Corosync cannot take more, for at most `timeout` seconds.
-- @treturn boolean true: all messages were sent; always true without `pack`
-- @error nil, message, code: "timeout" (the rest is sent later), "not_connected", "no_stack", "wrong_process" (in a
-- fork)
function Group:flush()
  return flush(self[KEY])
end

--- This process's address as members see it, whether or not the group is active.
-- @treturn corosync.cpg.address
-- @error nil, message, code, of a group that is not active, as `cpg.open`
function Group:address()
  local record = self[KEY]
  if record.state == "reconnecting" then
    return record.address
  end
  return connection.ask(record, "address")
end

--- The group's members. Of a group that has joined, those that `config_change` was last called with, without a request.
-- Before that, and when the group is not active, the local Corosync is asked for the present ones: a request for each
-- member, 30 µs or more, behind all requests that Corosync has queued; it blocks while Corosync is stopped.
-- @treturn corosync.cpg.address[] the caller's own table; empty when the group has no members
-- @error nil, message, code: "not_connected", "no_memory", and of a group that is not active those of `cpg.open`
function Group:members()
  local record = self[KEY]
  if record.state == "reconnecting" then
    return failure("list the members of", self, AWAY, "not_connected")
  end
  local told = record.views and record.views:members()
  if told then
    return told
  end
  return connection.ask(record, "members", self.name)
end

-- Without view_change dispatch makes no views, so they are made here. True, or nil, message, code.
local function look_for_view(record, settle, timeout)
  local views, loop = record.views, record.loop
  local ok, message, code = views:fetch(loop and loop.longest_wait or timeout)
  if not ok and loop then
    loop.wake(record) -- so that dispatch meets the loss, too
  end
  if not ok then
    return nil, message, code
  elseif (views:due(settle) or 1) <= 0 then
    views:make()
  end
  return true
end

--- The group's settled view, as `view_change` is called with it: its members, their ring, and whether that very ring is
-- quorate. Without a `view_change` handler the first call opens the connection to quorum (15 ms, 3 MB of /dev/shm), and
-- waits for its first event up to `timeout` seconds.
-- @treturn view
-- @error nil, message, code: "try_again" while the cluster is changing, "not_joined", and those of `quorum.open`
function Group:view()
  local record = self[KEY]
  if record.state == "reconnecting" then
    return failure("give the view of", self, AWAY, "not_connected")
  elseif record.state ~= "joined" then
    return failure("give the view of", self, "it has not joined", "not_joined")
  end
  local ok, message, code = record.views:open()
  if ok and not record.pollset then
    ok, message, code = look_for_view(record, self.settle, self.timeout)
  end
  if not ok then
    return nil, message, code
  end
  local present = record.views:present()
  if not present then
    return failure("give the view of", self, "the cluster is changing: try again shortly", "try_again")
  end
  return present
end

--- Whether the group is active: it has joined, or is joining, or joins again as soon as it has left, or as Corosync is
-- back.
-- @treturn boolean
function Group:is_active()
  return is_active(self[KEY])
end

--- Whether this node's side of the cluster has quorum, as far as Corosync has noticed: after a cut the losing side
-- returns true for seconds (3.4 to 3.7 s with a token of 1000 ms on three nodes).
-- @treturn boolean
-- @error nil, message, code: "no_quorum_provider" (corosync.conf names none, so no side counts as quorate),
-- "not_connected"
function Group:is_quorate()
  return cluster.is_quorate(handlers.option(self[KEY], "daemon_user"))
end

--- The value of a key of Corosync's configuration map.
-- @tparam string key
-- @treturn number|string an integer, a float or a string
-- @treturn string its type's name
-- @error nil, message, code: "not_exist" when there is no such key, "invalid_param" and "name_too_long" for an
-- impossible key, "out_of_range" when this Lua has no number for it, "not_connected", "access"
function Group:cmap_get(key)
  return cluster.cmap_get(key, handlers.option(self[KEY], "daemon_user"))
end

errors.guard_methods(Group, KEY, "group")
Group.send_message = core.cpg.sender(KEY, send_message)

local function to_string(group)
  return ("corosync.group %s (%s)"):format(errors.quote(group.name), group[KEY].state)
end

local function metatable_of(given, base)
  if not handlers.is_class(given) then
    return { __index = base, __tostring = to_string }
  end
  return {
    __index = function(_, key)
      local value = given[key]
      if value == nil then
        value = base[key]
      end
      return value
    end,
    __tostring = to_string,
  }
end

-- Functions of a group that a host or a loop of another kind may replace; all are called with the group's record.
local HOOKS = {
  activate = activate,
  before_activate = function() return true end, -- or nil, message, code
  dispatch = dispatch.dispatch,
  fd = fd,
  flush = function(record) return record.handle and record.handle:flush() end, -- does not wait
  packs = function(record) return handlers.option(record, "pack") end,
  open = function(own) return core.cpg.open(own) end, -- the handle; `own`: its handlers
  open_quorum = function(own) return core.quorum.open(own) end, -- the same for views
  on_lost = function() end, -- (record, message, code): called first
  reconnect = loss.reconnect, -- (record, message): called after a loss
  report = handlers.report,
  stop = stop,
  wait_for = wait_for,
  log = function(line) core.complain(line) end, -- a host may replace it
  -- activates_to_send: whether a send activates the group
  -- globals (): the table in which message_received is looked up
}

local DEFAULTS = { __index = HOOKS }

-- A group with the methods of `base`, the hooks that are given, and a loop's functions if it is not for corosync.loop.
local function derive(base, name, handlers_or_class, hooks, loop)
  check_name(name)
  handlers.check(handlers_or_class)
  local is_class = handlers.is_class(handlers_or_class)
  local group = { name = name, settle = not is_class and handlers_or_class.settle or nil, timeout = DEFAULT_TIMEOUT }
  group[KEY] = {
    object = group,
    class = is_class,
    handlers = handlers_or_class,
    hooks = setmetatable(hooks or {}, DEFAULTS),
    loop = loop,
    rejoin = false,
    state = state.FIRST,
    steps = 0,
  }
  return setmetatable(group, metatable_of(handlers_or_class, base))
end

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
  return derive(Group, name, handlers_or_class)
end

return { Group = Group, new = new, derive = derive, send_message = send_message }
