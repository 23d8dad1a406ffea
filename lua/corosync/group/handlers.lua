-- A script's handlers: plain functions in a table, or the methods of a class.
local arguments = require "corosync.group.arguments"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local script_calls = require "corosync.script_calls"

local handlers = {}

local now = core.now

-- Returns the script's function of a name, to be called without the group; or nil.
function handlers.find(record, name)
  if not record.class then
    return record.handlers[name]
  end
  local group = record.object
  local method = group[name]
  return method and function(...) return script_calls.limited(method, group, ...) end
end

-- Set by a recorder: functions by the names of events, which are called with the group's record and the event's values.
handlers.observers = nil

-- Set by a host that measures the time of handlers: called with a group's record for each connection. Returns a
-- function that is called with the seconds that each message_received took.
handlers.timed = nil

function handlers.observe(record, name, ...)
  local observer = handlers.observers and handlers.observers[name]
  if observer then
    return observer(record, ...)
  end
end

-- Calls the script's error handler. Without one, or when that raises, the message is logged.
function handlers.report(record, message)
  handlers.observe(record, "error", message)
  local report = handlers.find(record, "error")
  if not report then
    record.hooks.log(("corosync: group %s: %s"):format(errors.quote(record.object.name), message))
    return
  end
  local ok, second = script_calls.try(report, message)
  if not ok then
    record.hooks.log(("corosync: error in the error handler: %s, after: %s"):format(second, message))
  end
end

-- Calls a function of the script; its error is reported.
function handlers.call(record, handler, ...)
  local ok, problem = script_calls.try(handler, ...)
  if not ok then
    handlers.report(record, problem)
  end
end

local WRAPPED = { "config_change", "lagged", "message_received", "ring_change" }

-- Returns a table for the handle that inherits from another one.
local function layer(own)
  local outer = setmetatable({}, { __index = own })
  for _, name in ipairs(arguments.OPTIONS) do
    outer[name] = rawget(own, name)
  end
  return outer
end

-- Returns a table whose functions call the observers, and then those of the given table under the guard of the host.
local function wrapped(record, own)
  local outer = layer(own)
  for _, name in ipairs(WRAPPED) do
    outer[name] = function(...)
      handlers.observe(record, name, ...)
      if own[name] then
        handlers.call(record, own[name], ...)
      end
    end
  end
  return outer
end

-- A handler that raises an error is not timed; its errors are counted.
local function timed(own, note)
  local outer = layer(own)
  function outer.message_received(address, message)
    local handler = own.message_received
    if handler then
      local begin = now()
      handler(address, message)
      note(now() - begin)
    end
  end
  return outer
end

-- Returns a handler for rare events. It calls `before` with the record, and then the handler that the script has at
-- that moment.
local function rare(record, name, before)
  return function(...)
    if before then
      before(record, ...)
    end
    local handler = handlers.find(record, name)
    if handler then
      return script_calls.limited(handler, ...)
    end
  end
end

local function void() end

-- For speed, it takes no `...`, and checks once whether there is a limit, not at each message.
local function method_received(group)
  if script_calls.limit_memory then
    return function(...) return script_calls.limited(group.message_received or void, group, ...) end
  end
  return function(address, message)
    local method = group.message_received
    if method then
      return method(group, address, message)
    end
  end
end

-- The table for a handle. The functions in `before`, config_change and ring_change, are called with the record and the
-- event before the script's own. The script's message_received is looked up at each message, so that it can be
-- replaced. The metatable does this, because a Lua function would cost more at each message.
function handlers.for_handle(record, before)
  local own = { lagged = rare(record, "lagged") }
  for _, name in ipairs(arguments.OPTIONS) do
    own[name] = arguments.option(record.handlers, name)
  end
  for name, f in pairs(before) do
    own[name] = rare(record, name, f)
  end
  if record.class then
    own.message_received = method_received(record.object)
  else
    record.lookup = { __index = record.hooks.globals and record.hooks.globals() or record.handlers }
    setmetatable(own, record.lookup)
  end
  local outer = (script_calls.guard or handlers.observers) and wrapped(record, own) or own
  return handlers.timed and timed(outer, handlers.timed(record)) or outer
end

return handlers
