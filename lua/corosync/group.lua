--- Groups: what scripts hold. A group is a member of one of Corosync's closed process groups while it is active.
--
-- Handlers are either plain functions,
--
--    local chat = corosync.group("chat", {
--      config_change = function(members, left, joined) end,
--      message_received = function(address, message) end,
--    })
--
-- or the methods of a class: a table whose `__index` is itself. They get the group first, which also has
-- all the methods described here:
--
--    local Chat = {}
--    Chat.__index = Chat
--    function Chat:message_received(address, message) self:send_message("got " .. message) end
--    local chat = corosync.group("chat", Chat)
--
-- `config_change` tells each change at its point of the order of messages; what belongs together, the members, the
-- ring and its quorum, comes one after another, the quorum even on another connection. `view_change(view)` is called
-- once they agree, and nothing has changed for `settle` seconds. It takes a connection of its own (15 ms, 3 MB of
-- /dev/shm).
--
-- After a network cut the losing side stays quorate until Corosync notices, 3.4 to 3.7 s with a token of 1000 ms on
-- three nodes. `settle` makes the winner wait after it has noticed, for the slowest loser to notice as well. It delays
-- every view by that much, and does not cover a loser that is stopped: what must not happen twice takes fencing.
--
-- When Corosync goes, `disconnected(reason)` is called, and the group comes back by itself as soon as Corosync does,
-- with pauses of at most 5 s between tries: it joins as it did first, and its addresses stay the same tables. Until
-- then sends are refused with "not_connected". It takes a loop, or calls of `dispatch`; and a Corosync that is stopped,
-- not gone, holds up the call that connects. A group whose handlers lag beyond its reader's limit has left (code
-- "overflow"), and stays out: `disconnected` may activate it.
--
-- @module corosync.group

local blaming = require "corosync.blame"
local caller = require "corosync.caller"
local cluster = require "corosync.cluster"
local comeback = require "corosync.group.comeback"
local core = require "corosync.binding"
local events = require "corosync.group.events"
local failure = require "corosync.failure"
local handlers = require "corosync.handlers"
local life = require "corosync.group.life"
local patience = require "corosync.group.patience"
local pollable = require "corosync.group.pollable"
local quoted = require "corosync.quoted"

--- A settled view: what `view_change` is called with.
-- @table view
-- @tfield corosync.cpg.address[] members all of them on nodes of the ring
-- @tfield corosync.cpg.ring ring
-- @tfield integer[] nodes the ids of the nodes on the ring
-- @tfield boolean|nil quorate whether that very ring has quorum; nil where Corosync has no quorum provider: it calls
-- both sides of a cut quorate then, and a view is made as soon as members and ring agree
-- @tfield string|nil reason why `quorate` is nil: "no_quorum_provider"
-- @tfield corosync.cpg.address[] left members of the last view that have left since
-- @tfield corosync.cpg.address[] joined members that have joined since the last view; one that left and came back is in
-- both
-- @tfield corosync.cpg.address[][]|nil merged when rings met again, the members that were on this member's side and
-- those
-- that came from others; else nil

local DEFAULT_TIMEOUT = 10 -- seconds
local LONGEST_NAME = 128 -- bytes
local AWAY = "Corosync on this node has gone: the group comes back when Corosync does"

--- @type Group
local Group = { settle = 0 }

--- The group's name.
-- @tfield string name

--- How many seconds `send_message` and `wait_for` wait at most; 10 at first.
-- @tfield number timeout

--- How many seconds without a change go by before a view is told; 0 at first.
-- @tfield number settle

local now, type = core.now, type

-- What loops of another kind than corosync.loop have in ways of their own.
Group._awaited = life.awaited
Group._complain = core.complain
Group._disconnect = life.disconnect
Group._lose = comeback.lose
Group._open_views = life.open_views
Group._stay_wanted = comeback.stay_wanted
Group._tell_disconnected = comeback.tell_disconnected

local function check_name(name)
  if type(name) ~= "string" then
    caller.raise("bad argument #1 'name' to 'group' (string expected, got %s)", type(name))
  elseif name == "" or #name > LONGEST_NAME then
    caller.raise("bad argument #1 'name' to 'group' (1 to 128 bytes expected, got %d)", #name)
  end
end

--- Joins the group. The join is complete when `config_change` lists oneself in `joined`; `send_message` waits for it.
-- A group that is still leaving joins again once it has left. Waits up to `timeout` seconds while the cluster's
-- membership is changing.
-- @treturn boolean true
-- @error nil, message, code: "exist" (a member with this pid is in that group), "timeout", "no_stack", and those of
-- `cpg.open`: "not_connected", "access", "try_again", "no_memory", "no_space", "no_resources"
function Group:activate()
  if self._state == "leaving" or self._state == "left" then
    self._rejoin = true
    return true
  elseif self._state ~= "idle" then
    return true
  end
  return life.join(self)
end

--- Leaves the group. Complete when `config_change` lists oneself in `left`; the group is then removed from its loop,
-- and can be activated again. On a group that is not active it does nothing.
-- @treturn boolean true
-- @error nil, message, code: "timeout" while the cluster's membership is changing, "no_stack", "wrong_process" (in a
-- fork)
function Group:deactivate()
  self._rejoin = false
  if self._state == "reconnecting" then
    life.disconnect(self)
    life.release(self)
    return true
  elseif not life.is_member(self) then
    return true
  end
  return life.leave(self)
end

--- Calls the handlers of the events that wait, without blocking. Loops call it.
-- @tparam[opt=1000] integer budget the most events to handle, of which a view is one
-- @treturn integer how many were handled; none while the group reconnects, which this does when it is time
-- @treturn boolean whether more wait
-- @error nil, message, code: "not_joined", "dispatching" (inside one of its handlers), "no_stack", "wrong_process" (in
-- a fork)
-- @function Group:dispatch
Group.dispatch = events.dispatch

--- Calls the handler of the oldest event that waits, in the running coroutine, without blocking: where Lua allows it
-- (not in Lua 5.1), the handler may yield. Until it returns no other event is handled. Instead of `dispatch`.
-- @treturn boolean whether there was one
-- @error nil, message, code: "not_joined", "dispatching" (while one of its handlers has not returned), "no_stack",
-- "wrong_process" (in a fork)
-- @function Group:step
Group.step = events.step

--- The descriptor to wait for; it changes with each activation, and when the connection is lost and comes back. See the
-- handle's `fd`, and `pollfd` for one that stays.
-- @treturn integer
-- @error nil, message, code: "not_joined"
function Group:fd()
  if self._state == "idle" then
    return failure("wait for", self, "it is not active: activate it first", "not_joined")
  end
  return life.awaited(self):fd()
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
  return pollable.fd(self)
end

--- What to wait for on the descriptor, for cqueues.
-- @treturn string "r": until it is readable
function Group:events() -- luacheck: ignore 212
  return "r"
end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Group:stop()
  self._stopped = true
  if self._handle then
    self._handle:stop()
  end
end

--- Handles this group's events until something holds. Not for use inside this group's own handlers.
-- @tparam fun():any predicate
-- @tparam[opt] number seconds the longest to wait; the field `timeout` when absent
-- @tparam[opt] string what is waited for, for the message
-- @treturn boolean true
-- @error nil, message, code: "timeout", "dispatching", "not_joined", "no_stack", "wrong_process" (in a fork)
function Group:wait_for(predicate, seconds, what)
  seconds = seconds or self.timeout
  if type(predicate) ~= "function" then
    caller.raise("bad argument #1 to 'wait_for' (function expected, got %s)", type(predicate))
  elseif type(seconds) ~= "number" then
    caller.raise("bad argument #2 to 'wait_for' (number expected, got %s)", type(seconds))
  end
  local deadline = now() + seconds
  if self._loop then
    self._loop.wake(self) -- for what is fetched here, and not handled
  end
  while not predicate() do
    local handled, more, code = self:dispatch(1)
    if not handled then
      return nil, more, code
    end
    local left = deadline - now()
    if (left <= 0 or left ~= left) and not predicate() then
      local why = self._retry and " (the connection was lost, and has not come back)" or ""
      return failure(what or "wait for", self, ("not within %g s%s"):format(seconds, why), "timeout")
    elseif left > 0 and handled == 0 and self._state ~= "idle" and not predicate() then
      life.awaited(self):wait(left)
    end
  end
  return true
end

-- True when the group can send; or nil, message, code.
local function wait_until_joined(group)
  if type(group) ~= "table" then
    caller.raise "send_message is a method: call it with a colon, as group:send_message(message)"
  end
  if life.is_joining(group) then
    local function is_over() return not life.is_joining(group) end
    local ok, message, code = group:wait_for(is_over, nil, "complete the join of")
    if not ok then
      return nil, message, code
    end
  end
  if group._state == "reconnecting" then
    return failure("send to", group, AWAY, "not_connected")
  elseif group._state ~= "joined" then
    return failure("send to", group, "it is not active: activate it first", "not_joined")
  end
  return true
end

--- Sends a message to all members, oneself included. Waits until the group has joined (`config_change` is called before
-- it returns) and while Corosync cannot take more, together at most `timeout` seconds each. True means sent, not
-- delivered: a node that fails may take the message with it. Its own coming back gives it a place in the order, and is
-- no acknowledgement either: a member that was cut off can receive a message of its own that no other member ever gets.
--
-- What a group has sent and its handlers have not handled waits in memory: no more than a quarter of the reader's limit
-- (of 64 MiB without a reader), or a single message. Beyond that, a send of a group in @{corosync.loop} calls handlers
-- of this group until there is room, for at most `timeout` seconds. Inside a handler of this group, and without a loop,
-- it fails at once with "backlog": send the rest later, as more of one's own messages are handled.
-- @tparam string|string[] message up to 1047552 bytes, or an array of at most 63 strings, sent as one message
-- @tparam[opt="agreed"] string guarantee "agreed" or "fifo"
-- @treturn boolean true: Corosync has taken it
-- @error nil, message, code: "not_joined" (the group is not active, or is leaving), "timeout" (nothing was sent),
-- "backlog" (nothing was sent: what this group has sent waits for its handlers),
-- "too_big", "too_many", "interrupt" (of a split message nothing was delivered), "not_connected", "dispatching" (inside
-- one of its handlers, before it has joined), "no_stack", "wrong_process" (in a fork); raises for anything but strings
function Group:send_message(message, guarantee)
  if self._state ~= "joined" then
    local ok, why, code = wait_until_joined(self)
    if not ok then
      return nil, why, code
    end
  end
  -- As persist does it, but for each message; a string can be no wrong argument.
  local ok, why, code
  if guarantee == nil and type(message) == "string" then
    ok, why, code = self._handle:send(message)
  else
    ok, why, code = blaming("send_message", -1, self._handle.send, self._handle, message, guarantee)
  end
  if ok then
    return true
  elseif patience.may_help(self, code) then
    return patience.try_again(self, "send to", why, code, "send", message, guarantee)
  end
  return nil, why, code
end

--- This process's address as members see it, whether or not the group is active.
-- @treturn corosync.cpg.address
-- @error nil, message, code, of a group that is not active, as `cpg.open`
function Group:address()
  if self._state == "reconnecting" then
    return self._address
  end
  return life.ask(self, "address")
end

--- The group's members. Of a group that has joined, those that `config_change` was last called with: nothing is asked.
-- Before that, and when the group is not active, the local Corosync is asked who they are now: that takes a request for
-- each member, 30 µs or more, behind all others that Corosync has to handle, and blocks while Corosync is stopped.
-- @treturn corosync.cpg.address[] the caller's own; empty when nobody is in the group
-- @error nil, message, code: "not_connected", "no_memory", and of a group that is not active those of `cpg.open`
function Group:members()
  if self._state == "reconnecting" then
    return failure("list the members of", self, AWAY, "not_connected")
  end
  local told = self._views and self._views:members()
  if told then
    return told
  end
  return life.ask(self, "members", self.name)
end

--- The group's settled view, as `view_change` is told it: who its members are, on which ring, and whether that very
-- ring is quorate. Without a `view_change` handler the first call opens the connection that tells of quorum (15 ms,
-- 3 MB of /dev/shm), and waits for its first word up to `timeout` seconds.
-- @treturn view
-- @error nil, message, code: "try_again" while the cluster is changing, "not_joined", and those of `quorum.open`
function Group:view()
  if self._state == "reconnecting" then
    return failure("give the view of", self, AWAY, "not_connected")
  elseif self._state ~= "joined" then
    return failure("give the view of", self, "it has not joined", "not_joined")
  end
  local ok, message, code = self._views:open()
  if not ok then
    return nil, message, code
  end
  if not self._pollset then
    ok, message, code = self._views:fetch(self._loop and self._loop.patience or self.timeout)
    if not ok and self._loop then
      self._loop.wake(self) -- for dispatch to see it too
    end
    if not ok then
      return nil, message, code
    elseif (self._views:due(self.settle) or 1) <= 0 then
      self._views:make()
    end
  end
  local present = self._views:present()
  if not present then
    return failure("give the view of", self, "the cluster is changing: try again shortly", "try_again")
  end
  return present
end

--- Whether the group is active: it has joined, or is joining, or joins again as soon as it has left, or as Corosync is
-- back.
-- @treturn boolean
function Group:is_active()
  return self._state == "joined" or self._state == "reconnecting" or life.is_joining(self)
end

--- Whether this node's side of the cluster has quorum, as far as Corosync has noticed: after a cut the losing side
-- returns true for seconds (3.4 to 3.7 s with a token of 1000 ms on three nodes).
-- @treturn boolean
-- @error nil, message, code: "no_quorum_provider" (corosync.conf names none, so no side counts as quorate),
-- "not_connected"
function Group:is_quorate()
  return cluster.is_quorate(handlers.option(self, "daemon_user"))
end

--- The value of a key of Corosync's configuration map.
-- @tparam string key
-- @treturn number|string an integer, a float or a string
-- @treturn string its type's name
-- @error nil, message, code: "not_exist" when there is no such key, "invalid_param" and "name_too_long" for what cannot
-- be one, "out_of_range" when this Lua has no number for it, "not_connected", "access"
function Group:cmap_get(key)
  return cluster.cmap_get(key, handlers.option(self, "daemon_user"))
end

function Group:__tostring()
  return ("corosync.group %s (%s)"):format(quoted(self.name), self._state)
end

local function metatable_of(given, base)
  if not handlers.is_class(given) then
    return { __index = base, __tostring = Group.__tostring }
  end
  return {
    __index = function(_, key)
      local value = given[key]
      if value == nil then
        value = base[key]
      end
      return value
    end,
    __tostring = Group.__tostring,
  }
end

-- A group whose methods are those of `base`: Group, or for a loop of another kind what is derived from it.
local function derive(base, name, handlers_or_class)
  check_name(name)
  handlers.check(handlers_or_class)
  local class = handlers.is_class(handlers_or_class)
  return setmetatable({
    name = name,
    settle = not class and handlers_or_class.settle or nil,
    timeout = DEFAULT_TIMEOUT,
    _class = class,
    _handlers = handlers_or_class,
    _state = "idle",
    -- False rather than nil: what is not in the table is looked for behind its metatable, at each message.
    _pollset = false,
    _loop = false,
    _overdue = false,
    _pollable = false,
    _rejoin = false,
    _retry = false,
    _stopped = false,
    _timer = false,
  }, metatable_of(handlers_or_class, base))
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
-- @tparam[opt=false] boolean handlers_or_class.split as for @{corosync.cpg}'s open, like the next three
-- @tparam[opt=256] integer handlers_or_class.window
-- @tparam[opt=false] boolean|table handlers_or_class.reader
-- @tparam[opt] integer handlers_or_class.daemon_user
-- @treturn Group with the fields `name`, `timeout` (seconds, 10; with 0 a send that Corosync cannot take at once
-- answers "timeout") and `settle` (seconds without a change before a view is told, 0; see above)
-- @function new
-- @raise for a bad name, for a field that it does not know, and for a class with a method that was surely meant to be a
-- handler, as `config_changed`
local function new(name, handlers_or_class)
  return derive(Group, name, handlers_or_class)
end

return { Group = Group, new = new, derive = derive }
