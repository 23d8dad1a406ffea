-- Checks the arguments of a map's methods. Errors name the wrong argument.
local codec = require "corosync.replica.codec"
local errors = require "corosync.errors"
local plain = require "corosync.replica.machines.plain"
local suggest = require "corosync.suggest"

local arguments = {}

local NONE = {}

local LONGEST_KEY, LARGEST_VALUE = 1024, 1048576 -- bytes
local LARGEST_NUMBER = 9007199254740991
local SCALAR = { string = true, number = true, boolean = true }

local function refuse(position, argument, call, problem, ...)
  errors.raise("bad argument #%d '%s' to '%s' (" .. problem .. ")", position, argument, call, ...)
end

function arguments.key(key, call)
  if type(key) ~= "string" then
    refuse(1, "key", call, "string expected, got %s", type(key))
  elseif key == "" or #key > LONGEST_KEY then
    refuse(1, "key", call, "1 to %d bytes expected, got %d", LONGEST_KEY, #key)
  end
end

function arguments.prefix(prefix, call)
  if type(prefix) ~= "string" then
    refuse(1, "prefix", call, "string expected, got %s", type(prefix))
  end
end

function arguments.value(value, position, argument, call)
  if type(value) ~= "table" and not SCALAR[type(value)] then
    refuse(position, argument, call, "string, number, boolean or table expected, got %s", type(value))
  end
  local problem = plain.check(value)
  if problem then
    refuse(position, argument, call, "%s: only strings, numbers, booleans and tables of these can be kept", problem)
  end
  local size = type(value) == "table" and #codec.encode(value) or type(value) == "string" and #value or 0
  if size > LARGEST_VALUE then
    refuse(position, argument, call, "at most %d bytes expected, got %d", LARGEST_VALUE, size)
  end
end

function arguments.increment(by)
  if type(by) ~= "number" then
    refuse(2, "by", "increment", "number expected, got %s", type(by))
  elseif not (by >= -LARGEST_NUMBER and by <= LARGEST_NUMBER) then
    refuse(2, "by", "increment", "a number between -2^53 and 2^53 expected, got %g", by)
  end
end

function arguments.f(f, position, argument, call)
  if type(f) ~= "function" then
    refuse(position, argument, call, "function expected, got %s", type(f))
  end
end

local checks = {}

function checks.confirmed(value)
  return type(value) == "boolean", "boolean"
end

function checks.ttl(value)
  return type(value) == "number" and value > 0 and value < math.huge, "a number of seconds above 0"
end

function checks.holding(value)
  return type(value) == "table" and type(value.name) == "string" and type(value.token) == "number",
    "the result of a lock's acquire"
end

-- Returns options and callback. `position`: of the options among the arguments; the callback follows them. `known`: the
-- names of options that the method has, as a set.
function arguments.options(position, call, known, options, callback)
  if type(options) == "function" and callback == nil then
    options, callback = nil, options
  end
  if options ~= nil and type(options) ~= "table" then
    refuse(position, "options", call, "table expected, got %s", type(options))
  elseif callback ~= nil then
    arguments.f(callback, position + 1, "callback", call)
  end
  for name, value in pairs(options or NONE) do
    if not known[name] then
      refuse(position, "options", call, "%s", suggest.unknown_field(known, name))
    end
    local ok, expected = checks[name](value)
    if not ok then
      refuse(position, "options", call, "field '%s': %s expected, got %s", name, expected,
        type(value) == "number" and value or type(value))
    end
  end
  return options or NONE, callback
end

return arguments
