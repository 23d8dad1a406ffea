--- Connections to the configuration map, quorum, votequorum and cfg that reconnect: when Corosync goes and comes back,
-- they are opened anew, with the same trackers.
--
--    local service = require "corosync.service"
--    local map = assert(service.cmap("icmap", { connected = function() print "values may have changed" end }))
--    map:track("shop.", function(event, key, new) print(event, key, new) end)
--    corosync.loop.add(map)
--
-- A service has the methods of the handle that it stands for, see @{corosync.cmap}, @{corosync.quorum},
-- @{corosync.votequorum} and @{corosync.cfg}. While Corosync is away they return nil, message, "not_connected" at once;
-- as soon as it is back they work, also before the loop has noticed.
-- Corosync must run when a service is opened. Add it to a loop, or call `dispatch` when `fd` is readable.
-- @module corosync.service

--- The handlers that every service may have.
-- @table handlers
-- @tfield fun(reason:string)|nil disconnected called when Corosync has gone
-- @tfield fun()|nil connected called when it is connected again

local KEY = require "corosync.private"
local connection = require "corosync.service.connection"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local reconnect = require "corosync.reconnect"

local unpack = table.unpack or unpack -- luacheck: ignore 113
local pack = table.pack or function(...) return { n = select("#", ...), ... } end

--- @type Service
local Service = {}

local function refuse(record, action)
  return nil, ("cannot %s %s: it is closed"):format(action, record.name), "closed"
end

local FATAL = { not_connected = true, no_memory = true }

local function dispatch(record, budget)
  if record.closed then
    return refuse(record, "dispatch")
  end
  record.stopped = false
  connection.notify(record)
  if record.stopped and not record.closed then
    connection.arm(record)
    return 0, true
  end
  local handle, handled, more, code = connection.oldest(record), 0, false, nil
  if handle then
    handled, more, code = handle:dispatch(budget)
  elseif not record.closed then
    connection.try(record)
  end
  if FATAL[code] then
    connection.finish(record, handle, more)
    handled, more = 0, record.handle ~= nil
  end
  if not record.closed then
    connection.arm(record)
  end
  if not handled then
    return nil, more, code
  end
  return handled, more
end

--- Calls the handlers of the events that wait, and reconnects when it is time to. Loops call it.
-- @tparam[opt=1000] integer budget the most events to handle
-- @treturn integer how many were handled
-- @treturn boolean whether more wait
-- @error nil, message, code: "closed", "dispatching", "wrong_process", "no_stack"
function Service:dispatch(budget)
  return dispatch(self[KEY], budget)
end

local function received(record, handle, event, ...)
  local message, code = ...
  local is_lost = event == nil and FATAL[code]
  if is_lost then
    connection.finish(record, handle, message)
  end
  if not record.closed then
    connection.arm(record)
  end
  if not is_lost then
    return event, ...
  end
end

--- Returns the oldest event that waits, as the handle's `receive` does, and reconnects when it is time to. The handlers
-- `disconnected` and `connected` are called as by `dispatch`. Use it instead of `dispatch`.
-- @treturn[1] string the event's name
-- @treturn[1] any ... the values that the event's handler would be called with
-- @treturn[2] nil nothing when no event waits
-- @error nil, message, code, as for dispatch
function Service:receive()
  local record = self[KEY]
  if record.closed then
    return refuse(record, "receive from")
  end
  record.stopped = false
  connection.notify(record)
  local handle = connection.oldest(record)
  if handle then
    return received(record, handle, handle:receive())
  elseif not record.closed then
    connection.try(record)
    connection.arm(record)
  end
end

local function stop(record)
  record.stopped = true
  local handle = connection.oldest(record)
  if handle then
    handle:stop()
  end
end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Service:stop()
  stop(self[KEY])
end

local function fd(record)
  if record.closed then
    return refuse(record, "wait for")
  end
  return record.pollset:fd()
end

--- The descriptor to wait for: the same as long as the service is open.
-- @treturn integer
-- @error nil, message, "closed"
function Service:fd()
  return fd(self[KEY])
end

local function has_events(record)
  return record.closed or record.pending[1] ~= nil or record.handle ~= nil and record.handle:timeout() == 0
end

--- Waits until dispatch may have something to do.
-- @tparam[opt] number seconds the longest to wait; without it, for ever
-- @treturn boolean whether it may
-- @error nil, message, "closed"
function Service:wait(seconds)
  local record = self[KEY]
  if record.closed then
    return refuse(record, "wait for")
  end
  return has_events(record) or record.pollset:wait(seconds or math.huge)
end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues), as of @{corosync.handle}.
-- @treturn integer the descriptor; -1, which cqueues ignores, when it is closed
function Service:pollfd()
  return fd(self[KEY]) or -1
end

--- The events to wait for on the descriptor, for cqueues.
-- @treturn string "r": until it is readable
function Service:events() -- luacheck: ignore 212
  return "r"
end

--- How long to wait for the descriptor, for cqueues.
-- @treturn integer|nil 0 seconds when there is something to do that the descriptor does not show; else nil, for ever
function Service:timeout()
  return has_events(self[KEY]) and 0 or nil
end

--- Whether the service is connected.
-- @treturn boolean
function Service:is_connected()
  return self[KEY].handle ~= nil
end

local function close(record)
  record.closed = true
  if record.loop then
    record.loop.remove(record)
  end
  record.pollset:close()
  for _, each in ipairs(record.pending) do
    if each.handle then
      each.handle:close()
    end
  end
  record.pending = {}
  if record.handle then
    record.handle:close()
    record.handle = nil
  end
end

--- Closes the service, and removes it from its loop.
-- @treturn boolean true
function Service:close()
  if not self[KEY].closed then
    close(self[KEY])
  end
  return true
end

--- A tracker of a service. It remains when the connection comes back.
-- @type Tracker
local Tracker = {}
Tracker.__index = Tracker

--- Ends the tracker, also while Corosync is away.
-- @treturn boolean true
-- @error nil, message, code, as the map's tracker
function Tracker:cancel()
  local tracker = self[KEY]
  for _, each in ipairs(tracker.trackers) do
    local ok, message, code = each:cancel()
    if not ok then
      return nil, message, code
    end
  end
  tracker.service.trackers[tracker] = nil
  return true
end

local function ask_anew(record, name, ...)
  local ok, message, code = connection.reopen(record)
  connection.arm(record)
  if not ok then
    return nil, message, code
  end
  return errors.call(name, -1, record.handle[name], record.handle, ...)
end

-- Calls the handle's method. If the connection is lost, reconnects at once and asks again.
local function ask(record, name, ...)
  if record.closed then
    return refuse(record, "ask")
  elseif not record.handle then
    return ask_anew(record, name, ...)
  end
  local results = pack(errors.call(name, -1, record.handle[name], record.handle, ...))
  if results[1] == nil and results[3] == "not_connected" then
    connection.lose(record, results[2])
    return ask_anew(record, name, ...)
  end
  return unpack(results, 1, results.n)
end

local function track_key(record, key, handler)
  if type(handler) == "function" then
    handler = connection.guarded(handler)
  end
  local new, message, code = ask(record, "track", key, handler)
  if not new then
    return nil, message, code
  end
  local tracker = { service = record, key = key, handler = handler, trackers = { new } }
  record.trackers[tracker] = true
  return setmetatable({ [KEY] = tracker }, Tracker)
end

--- @type Service

--- Begins to report changes, as the handle's method does: of a map those of a key, by a tracker that it returns.
-- @param ... as for the handle
-- @treturn Tracker|boolean
-- @error nil, message, code, as the handle's
function Service:track(...)
  local record = self[KEY]
  if record.name == "cmap" then
    return track_key(record, ...)
  end
  local ok, message, code = ask(record, "track")
  if not ok then
    return nil, message, code
  end
  record.tracks = true
  return true
end

--- Ends tracking.
-- @treturn boolean true
-- @error nil, message, code
function Service:untrack()
  self[KEY].tracks = false
  return ask(self[KEY], "untrack")
end

-- Every other method is the handle's.
local function forwarded(name)
  return function(self, ...)
    if type(self) ~= "table" then
      errors.raise("%s is a method: call it with a colon, as cmap:%s(...)", name, name)
    end
    return ask(self[KEY], name, ...)
  end
end

local METATABLE = {
  __index = function(self, name)
    local last = rawget(self, KEY).last
    return Service[name] or last and last[name] and forwarded(name) or nil
  end,
  __tostring = function(self)
    local record = self[KEY]
    return ("corosync.service %s (%s)"):format(record.name, record.handle and "open" or record.closed and "closed"
      or "not connected")
  end,
}

-- Called by loops, with the record.
local HOOKS = { dispatch = dispatch, fd = fd, stop = stop }

local function new(name, given, opener, pollset)
  local object = setmetatable({}, METATABLE)
  object[KEY] = {
    object = object,
    name = name,
    handlers = given,
    hooks = HOOKS,
    pollset = pollset,
    open = opener,
    backoff = reconnect.new(core.now() * 1e6 % 1e6),
    stopped = false,
    tracks = nil, -- true after `track`, false after `untrack`
    trackers = {},
    -- Delivered before the present connection's events, in order: handles that are lost and have events, and the names
    -- of the handlers `disconnected` and `connected`.
    pending = {},
  }
  return object
end

local function open(name, given, opener)
  local pollset, message, code = core.pollset()
  if not pollset then
    return nil, message, code
  end
  local object = new(name, given, opener, pollset)
  local ok
  ok, message, code = errors.call(name, 0, connection.open, object[KEY])
  if not ok then
    pollset:close()
    return nil, message, code
  end
  return object
end

local function check_handlers(index, given, name)
  if given ~= nil and type(given) ~= "table" then
    errors.raise("bad argument #%d 'handlers' to '%s' (table expected, got %s)", index, name, type(given))
  end
  return given or {}
end

local service = {}

--- The functions of the module.
-- @section functions

--- The configuration map.
-- @tparam[opt="icmap"] string map as for `cmap.open`
-- @tparam[opt] corosync.cmap.open.handlers|handlers given those of `cmap.open` as well. When it is connected again
-- values may have changed, and the trackers report only later changes
-- @treturn Service|corosync.cmap.map
-- @error nil, message, code, as `cmap.open`
function service.cmap(map, given)
  given = check_handlers(2, given, "cmap")
  return open("cmap", given, function(own) return core.cmap.open(map or "icmap", own) end)
end

--- Quorum. Its handlers are called with the present state when the connection comes back.
-- @function service.quorum
-- @tparam[opt] corosync.quorum.open.handlers|handlers handlers those of `quorum.open` as well
-- @treturn Service|corosync.quorum.handle
-- @error nil, message, code, as `quorum.open`

--- Votequorum. Its handlers are called with the present state when the connection comes back.
-- @function service.votequorum
-- @tparam[opt] corosync.votequorum.open.handlers|handlers handlers those of `votequorum.open` as well
-- @treturn Service|corosync.votequorum.handle
-- @error nil, message, code, as `votequorum.open`

--- Cfg.
-- @function service.cfg
-- @tparam[opt] corosync.cfg.open.handlers|handlers handlers those of `cfg.open` as well
-- @treturn Service|corosync.cfg.handle
-- @error nil, message, code, as `cfg.open`
for _, name in ipairs { "quorum", "votequorum", "cfg" } do
  service[name] = function(given)
    given = check_handlers(1, given, name)
    return open(name, given, core[name].open)
  end
end

return service
