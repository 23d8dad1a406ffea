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
local dispatch = require "corosync.service.dispatch"
local errors = require "corosync.errors"
local object = require "corosync.service.object"
local request = require "corosync.service.request"

--- @type Service
local Service = {}

local METATABLE = object.metatable(Service)

--- Calls the handlers of the events that wait, and reconnects when it is time to. Loops call it.
-- @tparam[opt=1000] integer budget the most events to handle
-- @treturn integer how many were handled
-- @treturn boolean whether more wait
-- @error nil, message, code: "closed", "dispatching", "wrong_process", "no_stack"
function Service:dispatch(budget)
  return dispatch.dispatch(self[KEY], budget)
end

--- Returns the oldest event that waits, as the handle's `receive` does, and reconnects when it is time to. The handlers
-- `disconnected` and `connected` are called as by `dispatch`. Use it instead of `dispatch`.
-- @treturn[1] string the event's name
-- @treturn[1] any ... the values that the event's handler would be called with
-- @treturn[2] nil nothing when no event waits
-- @error nil, message, code, as for dispatch
function Service:receive()
  return dispatch.receive(self[KEY])
end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Service:stop()
  dispatch.stop(self[KEY])
end

--- The descriptor to wait for: the same as long as the service is open.
-- @treturn integer
-- @error nil, message, "closed"
function Service:fd()
  return dispatch.fd(self[KEY])
end

--- Waits until dispatch may have something to do.
-- @tparam[opt] number seconds the longest to wait; without it, for ever
-- @treturn boolean whether it may
-- @error nil, message, "closed"
function Service:wait(seconds)
  local record = self[KEY]
  if record.closed then
    return connection.refuse(record, "wait for")
  end
  return dispatch.has_events(record) or record.pollset:wait(seconds or math.huge)
end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues), as of @{corosync.handle}.
-- @treturn integer the descriptor; -1, which cqueues ignores, when it is closed
function Service:pollfd()
  return dispatch.fd(self[KEY]) or -1
end

--- The events to wait for on the descriptor, for cqueues.
-- @treturn string "r": until it is readable
function Service:events() -- luacheck: ignore 212
  return "r"
end

--- How long to wait for the descriptor, for cqueues.
-- @treturn integer|nil 0 seconds when there is something to do that the descriptor does not show; else nil, for ever
function Service:timeout()
  return dispatch.has_events(self[KEY]) and 0 or nil
end

--- Whether the service is connected.
-- @treturn boolean
function Service:is_connected()
  return self[KEY].handle ~= nil
end

--- Closes the service, and removes it from its loop.
-- @treturn boolean true
function Service:close()
  if not self[KEY].closed then
    connection.close(self[KEY])
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

local function track_key(record, key, handler)
  if type(handler) == "function" then
    handler = connection.guarded(handler)
  end
  local new, message, code = request.ask(record, "track", key, handler)
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
  local ok, message, code = request.ask(record, "track")
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
  return request.ask(self[KEY], "untrack")
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
  return object.open(METATABLE, "cmap", given, function(own) return core.cmap.open(map or "icmap", own) end)
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
    return object.open(METATABLE, name, given, core[name].open)
  end
end

return service
