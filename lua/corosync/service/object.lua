-- Makes the objects of services, each with a private record.
local KEY = require "corosync.private"
local connection = require "corosync.service.connection"
local core = require "corosync.binding"
local dispatch = require "corosync.service.dispatch"
local errors = require "corosync.errors"
local reconnect = require "corosync.reconnect"
local request = require "corosync.service.request"

local object = {}

-- Every other method is the handle's.
local function forwarded(name)
  return function(self, ...)
    if type(self) ~= "table" then
      errors.raise("%s is a method: call it with a colon, as cmap:%s(...)", name, name)
    end
    return request.ask(self[KEY], name, ...)
  end
end

local function to_string(service)
  local record = service[KEY]
  return ("corosync.service %s (%s)"):format(record.name, record.handle and "open" or record.closed and "closed"
    or "not connected")
end

-- Returns the metatable of services that have the methods of `base`.
function object.metatable(base)
  return {
    __index = function(self, name)
      local last = rawget(self, KEY).last
      return base[name] or last and last[name] and forwarded(name) or nil
    end,
    __tostring = to_string,
  }
end

-- Called by loops, with the record.
local HOOKS = { dispatch = dispatch.dispatch, fd = dispatch.fd, stop = dispatch.stop }

local function new(metatable, name, given, opener, pollset)
  local service = setmetatable({}, metatable)
  service[KEY] = {
    object = service,
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
  return service
end

-- Returns a service with this metatable. `opener` opens its handle, with the handlers in its argument.
function object.open(metatable, name, given, opener)
  local pollset, message, code = core.pollset()
  if not pollset then
    return nil, message, code
  end
  local service = new(metatable, name, given, opener, pollset)
  local ok
  ok, message, code = errors.call(name, 0, connection.open, service[KEY])
  if not ok then
    pollset:close()
    return nil, message, code
  end
  return service
end

return object
