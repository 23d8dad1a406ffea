-- A script's handlers: plain functions in a table, or the methods of a class.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local script_calls = require "corosync.script_calls"
local suggest = require "corosync.suggest"

local handlers = {}

local now = core.now

local KNOWN = {
  config_change = "function",
  daemon_user = "number",
  disconnected = "function",
  error = "function",
  lagged = "function",
  message_received = "function",
  pack = "boolean or table",
  reader = "boolean or table",
  ring_change = "function",
  settle = "number",
  split = "boolean",
  view_change = "function",
  window = "number",
}

-- Fields that are options of cpg.open.
local OPTIONS = { "daemon_user", "pack", "reader", "split", "window" }

-- A class is a table with `__index`, of its own or behind its metatable.
function handlers.is_class(given)
  local metatable = getmetatable(given)
  return rawget(given, "__index") ~= nil or (type(metatable) == "table" and metatable.__index ~= nil)
end

local function refuse(problem, ...)
  errors.raise("bad argument #2 'handlers' to 'group' (" .. problem .. ")", ...)
end

local CALLED = { "config_change", "disconnected", "message_received", "ring_change", "view_change" }

-- A class may have any method. One that is probably a misspelt handler, if the class has no handler of that name.
local function misspelt(class)
  for name, value in pairs(class) do
    for _, meant in ipairs(type(name) == "string" and type(value) == "function" and CALLED or {}) do
      if class[meant] == nil and suggest.is_near(name, meant) then
        return name, meant
      end
    end
  end
end

local function check_class(class)
  if class.settle ~= nil and type(class.settle) ~= "number" then
    refuse("field 'settle': number expected, got %s", type(class.settle))
  end
  local name, meant = misspelt(class)
  if name then
    refuse("method '%s': did you mean '%s'?", name, meant)
  end
end

local function check_fields(given)
  for name, value in pairs(given) do
    if not KNOWN[name] then
      refuse("unknown field '%s'%s", tostring(name), suggest.guess(KNOWN, tostring(name)))
    elseif not KNOWN[name]:find(type(value), 1, true) then
      refuse("field '%s': %s expected, got %s", name, KNOWN[name], type(value))
    end
  end
end

-- The value of an option, or nil: a class may have a method of that name.
local function option(given, name)
  local value = given[name]
  return KNOWN[name]:find(type(value), 1, true) and value or nil
end

-- Checks the options' values now, because the group may be activated much later.
local function check_options(given)
  local options = {}
  for _, name in ipairs(OPTIONS) do
    options[name] = option(given, name)
  end
  local ok, problem = pcall(core.cpg.check, options)
  local why = not ok and tostring(problem):match "^bad argument .-%((.*)%)$"
  if why then
    refuse("%s", why)
  elseif not ok then
    error(problem, 0)
  end
end

-- Raises for wrong arguments of corosync.group.
function handlers.check(given)
  if type(given) ~= "table" then
    refuse("table expected, got %s", type(given))
  elseif handlers.is_class(given) then
    check_class(given)
  else
    check_fields(given)
  end
  check_options(given)
end

-- The script's function of that name, to be called without the group; or nil.
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

-- A table for the handle, on top of another one.
local function layer(own)
  local outer = setmetatable({}, { __index = own })
  for _, name in ipairs(OPTIONS) do
    outer[name] = rawget(own, name)
  end
  return outer
end

-- Its functions call the observers, and call those of the given table under the guard.
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

function handlers.option(record, name)
  return option(record.handlers, name)
end

-- Handlers of rare events: `before` is called first, with the record; then the script's handler of that moment.
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

-- Without `...`, and without a look at the limit, which cost at each message.
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
-- replaced: by the metatable, because a function that looks it up costs at each message.
function handlers.for_handle(record, before)
  local own = { lagged = rare(record, "lagged") }
  for _, name in ipairs(OPTIONS) do
    own[name] = handlers.option(record, name)
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
