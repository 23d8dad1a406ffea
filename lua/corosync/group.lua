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
-- once they agree, and nothing has changed for `settle` seconds. A view is a table with
--
-- - `members`: an array of addresses, all of them on nodes of the ring
-- - `ring`: the ring's id, with the fields node and seq; the sides of a partition have different ones
-- - `nodes`: the ids of the nodes on the ring
-- - `quorate`: whether that very ring has quorum
-- - `left`, `joined`: arrays of addresses, the differences to the last view; who left and came back is in both
-- - `merged`: when rings met again, two arrays of addresses, those who were on this member's side and those who came
--   from others; else nil
--
-- It takes a connection of its own (15 ms, 3 MB of /dev/shm).
--
-- When Corosync goes, `disconnected(reason)` is called, and the group comes back by itself as soon as Corosync does,
-- with pauses of at most 5 s between tries: it joins as it did first, and its addresses stay the same tables. Until
-- then sends are refused with "not_connected". It takes a loop, or calls of `dispatch`; and a Corosync that is stopped,
-- not gone, holds up the call that connects. A group whose handlers lag beyond its reader's limit has left (code
-- "overflow"), and stays out: `disconnected` may activate it.
--
-- @module corosync.group

local alone = require "corosync.alone"
local backoff = require "corosync.backoff"
local core = require "corosync.binding"
local cluster = require "corosync.cluster"
local failure = require "corosync.failure"
local handlers = require "corosync.handlers"
local patience = require "corosync.patience"
local pollable = require "corosync.pollable"
local quoted = require "corosync.quoted"
local view = require "corosync.view"

local DEFAULT_TIMEOUT = 10 -- seconds
local DEFAULT_BUDGET = 1000 -- events
local LONGEST_NAME = 128 -- bytes
local AWAY = "Corosync on this node has gone: the group comes back when Corosync does"

--- @type Group
local Group = { settle = 0 }

local now, stderr = core.now, io.stderr

local function contains(addresses, address)
  for _, each in ipairs(addresses) do
    if each == address then
      return true
    end
  end
  return false
end

local function is_member(group)
  return group._state == "joining" or group._state == "joined"
end

-- What a group notes of an event before the script hears of it, so that it may for instance send in its handler.
local note = {}

function note.config_change(group, members, left, joined)
  local own = group._handle:address()
  group._views:config(members, left, joined)
  if group._state == "joining" and contains(joined, own) then
    group._state = "joined"
  elseif contains(left, own) then
    group._state = "left"
  end
end

function note.ring_change(group, ring, nodes)
  group._views:ring(ring, nodes)
end

local function check_name(name)
  if type(name) ~= "string" then
    error(("bad argument #1 'name' to 'group' (string expected, got %s)"):format(type(name)), 4)
  elseif name == "" or #name > LONGEST_NAME then
    error(("bad argument #1 'name' to 'group' (1 to 128 bytes expected, got %d)"):format(#name), 4)
  end
end

-- Life: idle -> joining -> joined -> leaving -> left -> idle; and when the connection is lost reconnecting -> joining.

-- The connection, opened at first need. A handle that has left cannot join again, so each activation has a new one.
local function connect(group)
  if group._handle then
    return group._handle
  end
  local own = handlers.for_handle(group, note)
  function own.error(message) handlers.report(group, message) end
  group._own = own
  own.previous = group._previous
  local handle, message, code = core.cpg.open(own)
  own.previous = nil -- not to keep all the earlier ones
  group._handle = handle
  group._address = handle and handle:address() or group._address
  return handle, message, code
end

-- No loop waits for the descriptor any more: before that is closed, or when another takes its place.
local function unwatch(group)
  if group._loop then
    group._loop.remove(group)
  end
  pollable.forget(group)
end

local function disconnect(group)
  unwatch(group)
  if group._retry then
    group._retry.timer:close()
    group._retry = false
  end
  if group._gather then
    group._gather:close()
    group._gather = false
  end
  if group._views then
    group._views:close()
    group._views = nil
  end
  if group._handle then
    group._handle:close()
    group._previous, group._handle = group._handle, nil
  end
  group._state = "idle"
  pollable.show_hidden(group)
end

-- For who wants to be told of views: the connection that tells of quorum, and one descriptor for both.
local function prepare_views(group)
  group._views = view.new(handlers.option(group, "daemon_user"))
  if not handlers.find(group, "view_change") then
    return true
  end
  local fd, message, code = group._handle:fd()
  local ok = fd
  if ok then
    ok, message, code = group._views:open()
  end
  if ok then
    group._gather, message, code = core.gather(fd, group._views:fd())
  end
  return group._gather and true, message, code
end

local function watch(group)
  local ok, message, code = pollable.follow(group)
  if ok and group._loop then
    return group._loop.watch(group)
  end
  return ok, message, code
end

-- Connects and asks to join, once. True; or nil, message, code, and the group is idle.
local function try_to_join(group, join)
  local handle, message, code = connect(group)
  local ok = handle
  if ok then
    ok, message, code = prepare_views(group)
  end
  if ok then
    ok, message, code = join(group)
  end
  if ok then
    group._state = "joining"
    ok, message, code = watch(group)
  end
  if not ok then
    disconnect(group)
  end
  return ok, message, code
end

local function join_patiently(group)
  return patience.persist(group, "join", "join", group.name)
end

local function join_now(group)
  return group._handle:join(group.name)
end

--- Joins the group. The join is complete when `config_change` lists oneself in `joined`; `send_message` waits for it.
-- A group that is still leaving joins again once it has left. Waits up to `timeout` seconds while the cluster's
-- membership is changing.
-- @treturn boolean true
-- @error nil, message, code: "not_connected", "exist" (this process is in that group already), "timeout"
function Group:activate()
  if self._state == "leaving" or self._state == "left" then
    self._rejoin = true
    return true
  elseif self._state ~= "idle" then
    return true
  end
  local kept = self._handle ~= nil
  local ok, message, code = try_to_join(self, join_patiently)
  if not ok and kept and code == "not_connected" then
    -- The connection was from before, perhaps from before the daemon's restart.
    ok, message, code = try_to_join(self, join_patiently)
  end
  return ok, message, code
end

--- Leaves the group. Complete when `config_change` lists oneself in `left`; the group is then removed from its loop,
-- and can be activated again. On a group that is not active it does nothing.
-- @treturn boolean true
-- @error nil, message, code: "timeout" while the cluster's membership is changing
function Group:deactivate()
  self._rejoin = false
  if self._state == "reconnecting" then
    disconnect(self)
    return true
  elseif not is_member(self) then
    return true
  end
  local ok, message, code = patience.persist(self, "leave", "leave")
  if ok then
    self._state = "leaving"
  elseif code == "not_connected" then
    disconnect(self)
    return true
  end
  return ok, message, code
end

local function finish_leaving(group)
  disconnect(group)
  if not group._rejoin then
    return
  end
  group._rejoin = false
  local ok, message, code = group:activate()
  if not ok and (code == "not_connected" or code == "timeout") then
    group:_stay_wanted(message)
  elseif not ok then
    handlers.report(group, message)
  end
end

function Group._complain(line)
  stderr:write(line, "\n")
end

Group._disconnect = disconnect

-- ---- a lost connection ----

-- Waits for the next try, on a descriptor that is readable when its time has come.
local function schedule_retry(group, tries)
  local timer, message, code = core.gather()
  if not timer then
    return nil, message, code
  end
  local seconds = backoff.seconds(tries, group._address.pid)
  timer:arm(seconds)
  group._state = "reconnecting"
  group._retry = { timer = timer, tries = tries, at = now() + seconds }
  local ok
  ok, message, code = watch(group)
  if not ok then
    disconnect(group)
  end
  return ok, message, code
end

-- Not to wait for that inside a dispatch, there is one try, and then the next has its time.
local function retry(group)
  local last = group._retry
  if now() < last.at then
    return
  end
  disconnect(group)
  if not try_to_join(group, join_now) then
    local ok, message = schedule_retry(group, last.tries + 1)
    if not ok then
      group:_tell_disconnected(message)
    end
  end
end

function Group:_tell_disconnected(message)
  local disconnected = handlers.find(self, "disconnected")
  if disconnected then
    handlers.call(self, disconnected, message)
  else
    handlers.report(self, message)
  end
end

-- Whatever keeps it away now, it comes back; unless that cannot be, which the script hears, too. Loops with a way of
-- their own have another.
function Group:_stay_wanted(message)
  local ok, problem = schedule_retry(self, 0)
  self:_tell_disconnected(ok and message or ("%s; and the group does not come back: %s"):format(message, problem))
end

-- The handle is of no more use: the script hears why, and the group comes back by itself. But not when it has left
-- since its handlers lag: it would soon be there again.
function Group:_lose(message, code)
  local wanted = (is_member(self) or self._rejoin) and code ~= "overflow"
  disconnect(self)
  self._rejoin = false
  if wanted then
    self:_stay_wanted(message)
  else
    self:_tell_disconnected(message)
  end
end

local function call_view_change(group, new)
  local view_change = handlers.find(group, "view_change")
  if not view_change then
    return 0
  end
  alone.call(group, view_change, new)
  return 1
end

-- Tells the script of a new view, if there is one and it may be told now. Answers how many there were, and whether more
-- waits.
local function deliver_view(group, may_tell, more)
  local views = group._views
  views:fetch()
  local seconds = group._state == "joined" and views:due(group.settle) or nil
  local is_due = seconds ~= nil and seconds <= 0
  group._overdue = is_due and not may_tell
  if not is_due or not may_tell then
    group._gather:arm(is_due and 0 or seconds)
    return 0, more or is_due
  end
  group._gather:arm()
  local handle = group._handle
  local count = call_view_change(group, views:make())
  -- Its sending may have moved events out of the descriptor's sight; its leaving may have ended the connection.
  return count, more or handle:wait(0) or false
end

-- Why no event may be handled now: nil, message, code.
local function refuse(group, what)
  if group._state == "idle" then
    return failure(what, group, "it is not active: activate it first", "not_joined")
  end
  return failure(what, group, "one of its handlers is running: return from it first", "dispatching")
end

local FATAL = { not_connected = true, no_memory = true, overflow = true }

--- Calls the handlers of the events that wait, without blocking. Loops call it.
-- @tparam[opt=1000] integer budget the most events to handle, of which a view is one
-- @treturn integer how many were handled; none while the group reconnects, which this does when it is time
-- @treturn boolean whether more wait
-- @error nil, message, code: "not_joined", "dispatching" (inside one of its handlers), "no_stack"
function Group:dispatch(budget)
  if self._state == "idle" or alone.is_busy(self) then
    return refuse(self, "dispatch")
  elseif self._state == "reconnecting" then
    retry(self)
    return 0, false
  end
  self._stopped = false
  budget = budget or DEFAULT_BUDGET
  -- Events that never end must not keep a view waiting for ever.
  local handled, more, code = self._handle:dispatch(self._overdue and budget >= 1 and budget - 1 or budget)
  if handled and self._state == "left" then
    finish_leaving(self)
    more = false
  elseif handled and self._gather then
    local views
    views, more = deliver_view(self, not self._stopped and handled < budget, more)
    handled = handled + views
  elseif handled and self._views then
    self._views:fetch() -- what `view` has opened
  elseif FATAL[code] then
    self:_lose(more, code)
    handled, more, code = 0, false, nil
  end
  if self._pollable then
    pollable.show_hidden(self)
  end
  return handled, more, code
end

local FIELDS = { message = "message_received", config = "config_change", ring = "ring_change", lagged = "lagged" }
local VIEW_EVERY = 100 -- events: under load, too, views are told

local function look_for_view(group)
  if group._gather then
    return deliver_view(group, true) > 0
  elseif group._views then
    group._views:fetch()
  end
  return false
end

local function deliver(group, event, ...)
  local handler = group._own[FIELDS[event]]
  if handler then
    alone.call(group, handler, ...)
  end
  group._steps = (group._steps or 0) + 1
  if group._state == "left" then
    finish_leaving(group)
  elseif group._steps % VIEW_EVERY == 0 then
    look_for_view(group)
  end
  return true
end

local function receive(group, event, ...)
  if event then
    return deliver(group, event, ...)
  end
  local message, code = ...
  if not code then
    return look_for_view(group)
  elseif FATAL[code] then
    group:_lose(message, code)
    return false
  end
  return nil, message, code
end

--- Calls the handler of the oldest event that waits, in the running coroutine, without blocking: where Lua allows it
-- (not in Lua 5.1), the handler may yield. Until it returns no other event is handled. Instead of `dispatch`.
-- @treturn boolean whether there was one
-- @error nil, message, code: "not_joined", "dispatching" (while one of its handlers has not returned), "no_stack"
function Group:step()
  if self._state == "idle" or alone.is_busy(self) then
    return refuse(self, "handle an event of")
  elseif self._state == "reconnecting" then
    retry(self)
    return false
  elseif self._state == "left" then -- and its handler did not return
    finish_leaving(self)
    return true
  end
  local some, message, code = receive(self, self._handle:receive())
  pollable.show_hidden(self)
  return some, message, code
end

-- What tells when dispatch has something to do: the connection, several in one, or the time to reconnect.
local function awaited(group)
  return group._retry and group._retry.timer or group._gather or group._handle
end

Group._awaited = awaited

--- The descriptor to wait for; it changes with each activation, and when the connection is lost and comes back. See the
-- handle's `fd`, and `pollfd` for one that stays.
-- @treturn integer
-- @error nil, message, code: "not_joined"
function Group:fd()
  if self._state == "idle" then
    return failure("wait for", self, "it is not active: activate it first", "not_joined")
  end
  return awaited(self):fd()
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
-- @tparam function predicate
-- @tparam[opt] number seconds the longest to wait; the field `timeout` when absent
-- @tparam[opt] string what is waited for, for the message
-- @treturn boolean true
-- @error nil, message, code: "timeout", "dispatching", "not_joined"
function Group:wait_for(predicate, seconds, what)
  seconds = seconds or self.timeout
  local deadline = now() + seconds
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
      awaited(self):wait(left)
    end
  end
  return true
end

local function is_joining(group)
  return group._state == "joining" or group._rejoin
end

-- True when the group can send; or nil, message, code.
local function wait_until_joined(group)
  if type(group) ~= "table" then
    error("send_message is a method: call it with a colon, as group:send_message(message)", 3)
  end
  if is_joining(group) then
    local ok, message, code = group:wait_for(function() return not is_joining(group) end, nil, "complete the join of")
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
-- it returns) and while Corosync cannot take more, together at most `timeout` seconds each.
-- @tparam string|table message up to 1047552 bytes, or an array of at most 63 strings, sent as one message
-- @tparam[opt="agreed"] string guarantee "agreed" or "fifo"
-- @treturn boolean true: Corosync has taken it
-- @error nil, message, code: "not_joined" (the group is not active, or is leaving), "timeout" (nothing was sent),
-- "too_big", "too_many", "not_connected"; raises for anything but strings
function Group:send_message(message, guarantee)
  if self._state ~= "joined" then
    local ok, why, code = wait_until_joined(self)
    if not ok then
      return nil, why, code
    end
  end
  -- As persist does it, but for each message.
  local ok, why, code = self._handle:send(message, guarantee)
  if code == "try_again" then
    return patience.try_again(self, "send to", why, "send", message, guarantee)
  end
  return ok, why, code
end

--- This process's address as members see it, whether or not the group is active.
-- @treturn table address, with fields node, pid and reason
-- @error nil, message, code: "not_connected"
function Group:address()
  if self._state == "reconnecting" then
    return self._address
  end
  local handle, message, code = connect(self)
  if not handle then
    return nil, message, code
  end
  return handle:address()
end

--- The group's members as the local Corosync sees them now.
-- @treturn table array of addresses; empty when nobody is in the group
-- @error nil, message, code: "not_connected"
function Group:members()
  if self._state == "reconnecting" then
    return failure("list the members of", self, AWAY, "not_connected")
  end
  local handle, message, code = connect(self)
  if not handle then
    return nil, message, code
  end
  return handle:members(self.name)
end

--- The group's settled view, as `view_change` is told it: who its members are, on which ring, and whether that very
-- ring is quorate. Without a `view_change` handler the first call opens the connection that tells of quorum (15 ms,
-- 3 MB of /dev/shm), and waits for its first word up to `timeout` seconds.
-- @treturn table view, with the fields that the handler's has
-- @error nil, message, code: "try_again" while the cluster is changing, "not_joined", "not_connected"
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
  if not self._gather then
    self._views:fetch(self._loop and self._loop.patience or self.timeout)
    if (self._views:due(self.settle) or 1) <= 0 then
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
  return self._state == "joined" or self._state == "reconnecting" or is_joining(self)
end

--- Whether this node's side of the cluster has quorum.
-- @treturn boolean
-- @error nil, message, code: "not_connected"
function Group:is_quorate()
  return cluster.is_quorate(handlers.option(self, "daemon_user"))
end

--- The value of a key of Corosync's configuration map.
-- @tparam string key
-- @return an integer, a float or a string; and the type's name
-- @error nil, message, code: "not_exist" when there is no such key, "not_connected"
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

-- A group whose methods are those of `base`: Group, or for a loop of another kind what is derived from it. Raises in
-- the name of who called its caller.
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
    _gather = false,
    _loop = false,
    _overdue = false,
    _pollable = false,
    _rejoin = false,
    _retry = false,
    _stopped = false,
  }, metatable_of(handlers_or_class, base))
end

--- Makes a group object; it is not active yet: add it to a loop, or activate it.
-- @tparam string name 1 to 128 bytes, any bytes
-- @tparam table handlers_or_class `config_change(members, left, joined)`, `message_received(address, message)`, and
-- optionally `view_change(view)`, `ring_change(ring, nodes)`, `disconnected(reason)`,
-- `lagged(seconds, events, bytes)`, `error(message_with_traceback)`; or a class with them as methods. `split`,
-- `window`, `reader` and `daemon_user` are as for @{corosync.cpg}'s open, `settle` sets the field of that name.
-- @treturn Group with the fields `name`, `timeout` (seconds, 10; with 0 a send that Corosync cannot take at once
-- answers "timeout") and `settle` (seconds without a change before a view is told, 0)
-- @raise for a bad name, and for a field that it does not know
local function new(name, handlers_or_class)
  local group = derive(Group, name, handlers_or_class) -- no tail call: an error is the caller's, two levels up
  return group
end

return { Group = Group, new = new, derive = derive }
