-- The arguments of corosync.group: a name, and handlers or a class, with the options of the connection.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local suggest = require "corosync.suggest"

local arguments = {}

local LONGEST_NAME = 128 -- bytes

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
arguments.OPTIONS = { "daemon_user", "pack", "reader", "split", "window" }

-- A class is a table with `__index`, of its own or behind its metatable.
function arguments.is_class(given)
  local metatable = getmetatable(given)
  return rawget(given, "__index") ~= nil or (type(metatable) == "table" and metatable.__index ~= nil)
end

local function refuse(problem, ...)
  errors.raise("bad argument #2 'handlers' to 'group' (" .. problem .. ")", ...)
end

local CALLED = { "config_change", "disconnected", "message_received", "ring_change", "view_change" }

-- A class may have any method. Returns the name of one that is probably a misspelt handler, and the right name. Returns
-- nothing if there is none, or the class has that handler, too.
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
      refuse("%s", suggest.unknown_field(KNOWN, name))
    elseif not KNOWN[name]:find(type(value), 1, true) then
      refuse("field '%s': %s expected, got %s", name, KNOWN[name], type(value))
    end
  end
end

-- The value of an option, or nil: a class may have a method of that name.
function arguments.option(given, name)
  local value = given[name]
  return KNOWN[name]:find(type(value), 1, true) and value or nil
end

-- Checks the options' values now, because the group may be activated much later.
local function check_options(given)
  local options = {}
  for _, name in ipairs(arguments.OPTIONS) do
    options[name] = arguments.option(given, name)
  end
  local ok, problem = pcall(core.cpg.check, options)
  local why = not ok and tostring(problem):match "^bad argument .-%((.*)%)$"
  if why then
    refuse("%s", why)
  elseif not ok then
    error(problem, 0)
  end
end

local function check_handlers(given)
  if type(given) ~= "table" then
    refuse("table expected, got %s", type(given))
  elseif arguments.is_class(given) then
    check_class(given)
  else
    check_fields(given)
  end
  check_options(given)
end

local function check_name(name)
  if type(name) ~= "string" then
    errors.raise("bad argument #1 'name' to 'group' (string expected, got %s)", type(name))
  elseif name == "" or #name > LONGEST_NAME then
    errors.raise("bad argument #1 'name' to 'group' (1 to 128 bytes expected, got %d)", #name)
  end
end

-- Raises for wrong arguments.
function arguments.check(name, handlers_or_class)
  check_name(name)
  check_handlers(handlers_or_class)
end

return arguments
