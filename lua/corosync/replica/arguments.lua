-- Checks the arguments of a replica's methods. Errors name the wrong argument.
local defaults = require "corosync.replica.defaults"
local errors = require "corosync.errors"

local arguments = {}

function arguments.name(name, longest, call)
  if type(name) ~= "string" then
    errors.raise("bad argument #1 'name' to '%s' (string expected, got %s)", call, type(name))
  elseif name == "" or #name > longest or name:find("\0", 1, true) then
    errors.raise("bad argument #1 'name' to '%s' (1 to %d bytes without zeros expected, got %d)", call, longest, #name)
  end
end

function arguments.callback(callback, position, call)
  if callback ~= nil and type(callback) ~= "function" then
    errors.raise("bad argument #%d 'callback' to '%s' (function expected, got %s)", position, call, type(callback))
  end
end

-- ---- the options of a replica ----

local OPTIONS = {
  copies = "number",
  error = "function",
  loop = "boolean",
  observer = "boolean",
  patience = "number",
  ready = "function",
  storage = "string",
  suspended = "function",
  timeout = "number",
  window = "number",
}

local POSITIVE = { copies = "an integer", patience = "a number", timeout = "a number", window = "an integer" }

local function check_numbers(given)
  for field, kind in pairs(POSITIVE) do
    local value = given[field]
    if value and not (value > 0 and (kind == "a number" or value % 1 == 0)) then
      errors.raise("bad argument #2 'options' to 'replica' (field '%s': %s above 0 expected, got %g)", field, kind,
        value)
    end
  end
end

-- Checks the options that were given, and returns all options, with defaults.
function arguments.options(given)
  given = given or {}
  errors.check_fields(given, OPTIONS, 2, "options", "replica")
  check_numbers(given)
  if given.storage and (given.storage == "" or given.storage:find("\0", 1, true)) then
    errors.raise("bad argument #2 'options' to 'replica' (field 'storage': the path of a file expected, got %s)",
      errors.quote(given.storage))
  end
  local options = {}
  for field in pairs(OPTIONS) do
    local value = given[field]
    options[field] = value == nil and defaults[field] or value
  end
  return options
end

-- ---- the functions of a machine ----

local METHODS = {
  apply = "function",
  changed = "function",
  codec = "table",
  initial = "function",
  restore = "function",
  restored = "function",
  snapshot = "function",
}

local function has_functions(given, one, other)
  return type(given[one]) == "function" and type(given[other]) == "function"
end

function arguments.methods(methods)
  errors.check_fields(methods, METHODS, 2, "methods", "machine")
  if not methods.apply then
    errors.raise "bad argument #2 'methods' to 'machine' (field 'apply': function expected, got nil)"
  elseif (methods.snapshot == nil) ~= (methods.restore == nil) then
    errors.raise "bad argument #2 'methods' to 'machine' (fields 'snapshot' and 'restore': both or neither expected)"
  elseif methods.codec and not has_functions(methods.codec, "encode", "decode") then
    errors.raise "bad argument #2 'methods' to 'machine' (field 'codec': functions 'encode' and 'decode' expected)"
  end
end

return arguments
