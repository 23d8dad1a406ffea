-- A script's handlers: plain functions in a table, or the methods of a class.
local caller = require "corosync.caller"
local core = require "corosync.binding"
local is_near = require "corosync.spelling"
local quoted = require "corosync.quoted"
local traceback = require "corosync.traceback"

local handlers = {}

local KNOWN = {
  config_change = "function",
  daemon_user = "number",
  disconnected = "function",
  error = "function",
  lagged = "function",
  message_received = "function",
  reader = "boolean or table",
  ring_change = "function",
  settle = "number",
  split = "boolean",
  view_change = "function",
  window = "number",
}

-- What the connection is told when it is opened.
local OPTIONS = { "daemon_user", "reader", "split", "window" }

-- A class is a table with `__index`, of its own or behind its metatable.
function handlers.is_class(given)
  local metatable = getmetatable(given)
  return rawget(given, "__index") ~= nil or (type(metatable) == "table" and metatable.__index ~= nil)
end

local function refuse(problem, ...)
  caller.raise("bad argument #2 'handlers' to 'group' (" .. problem .. ")", ...)
end

local function guess(name)
  for meant in pairs(KNOWN) do
    if is_near(name, meant) then
      return (": did you mean '%s'?"):format(meant)
    end
  end
  return ""
end

local CALLED = { "config_change", "disconnected", "message_received", "ring_change", "view_change" }

-- A class may have what it likes, but for a method that was surely meant to be one of these, and none is: that one.
local function misspelt(class)
  for name, value in pairs(class) do
    for _, meant in ipairs(type(name) == "string" and type(value) == "function" and CALLED or {}) do
      if class[meant] == nil and is_near(name, meant) then
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
      refuse("unknown field '%s'%s", tostring(name), guess(tostring(name)))
    elseif not KNOWN[name]:find(type(value), 1, true) then
      refuse("field '%s': %s expected, got %s", name, KNOWN[name], type(value))
    end
  end
end

-- What a script gave for an option, or nil; a class may have a method of that name.
local function option(given, name)
  local value = given[name]
  return KNOWN[name]:find(type(value), 1, true) and value or nil
end

-- Now, and not when the group is activated, perhaps much later and elsewhere.
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

-- Raises for what corosync.group must not be given.
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
function handlers.find(group, name)
  if not group._class then
    return group._handlers[name]
  end
  local method = group[name]
  return method and function(...) return method(group, ...) end
end

-- Lua 5.1's own xpcall passes no arguments.
local passes_arguments = select(2, xpcall(function(given) return given end, error, true))
local unpack = table.unpack or unpack -- luacheck: ignore 113

-- Calls a function of the script: true, or false and the error's text with a traceback.
function handlers.try(handler, ...)
  if handlers.guard then
    return handlers.guard(handler, ...)
  elseif passes_arguments then
    return xpcall(handler, traceback, ...)
  end
  local count, arguments = select("#", ...), { ... }
  return xpcall(function() handler(unpack(arguments, 1, count)) end, traceback)
end

-- Gives what went wrong to the script's error handler. Without one, or when that raises, the group complains of it.
function handlers.report(group, message)
  local report = handlers.find(group, "error")
  if not report then
    group._complain(("corosync: group %s: %s"):format(quoted(group.name), message))
    return
  end
  local ok, second = handlers.try(report, message)
  if not ok then
    group._complain(("corosync: error in the error handler: %s, after: %s"):format(second, message))
  end
end

-- Calls a function of the script; its error is reported.
function handlers.call(group, handler, ...)
  local ok, problem = handlers.try(handler, ...)
  if not ok then
    handlers.report(group, problem)
  end
end

-- For groups made later: a host may have its own way to call each function of a script, as xpcall with a traceback; and
-- somebody may want to know of each event, the group, the handler's name and its arguments, before a handler does.
handlers.guard, handlers.observe = nil, nil

local WRAPPED = { "config_change", "lagged", "message_received", "ring_change" }

-- The same table, whose functions are called so.
local function wrapped(group, own)
  local outer = setmetatable({}, { __index = own })
  for _, name in ipairs(OPTIONS) do
    outer[name] = rawget(own, name)
  end
  for _, name in ipairs(WRAPPED) do
    outer[name] = function(...)
      if handlers.observe then
        handlers.observe(group, name, ...)
      end
      if own[name] then
        handlers.call(group, own[name], ...)
      end
    end
  end
  return outer
end

function handlers.option(group, name)
  return option(group._handlers, name)
end

local function set_options(group, own)
  for _, name in ipairs(OPTIONS) do
    own[name] = handlers.option(group, name)
  end
end

local function add_notes(group, own, before)
  for name, note in pairs(before) do
    own[name] = function(...)
      note(group, ...)
      local handler = handlers.find(group, name)
      if handler then
        return handler(...)
      end
    end
  end
end

-- Without `...`, which costs at each message.
local function add_methods(group, own)
  function own.message_received(address, message)
    local method = group.message_received
    if method then
      return method(group, address, message)
    end
  end
  function own.lagged(seconds, events, bytes)
    local method = group.lagged
    if method then
      return method(group, seconds, events, bytes)
    end
  end
end

-- The table for a handle. The functions in `before`, config_change and ring_change, are called with the group and the
-- event before the script's own.
function handlers.for_handle(group, before)
  local own = {}
  set_options(group, own)
  add_notes(group, own, before)
  if group._class then
    add_methods(group, own)
  else
    -- The others are looked up in the script's table at each event, so that they can be replaced.
    setmetatable(own, { __index = group._handlers })
  end
  return (handlers.guard or handlers.observe) and wrapped(group, own) or own
end

return handlers
