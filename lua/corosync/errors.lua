-- Errors at a call of the library: raised at the caller's line, or returned as nil, message, code.
local suggest = require "corosync.suggest"

local getinfo = debug and debug.getinfo -- a sandbox may have no debug library
local ROOT = getinfo and getinfo(1, "S").source:match "^(.*[/\\])corosync[/\\]" or "@"

local errors = {}

local function is_ours(source)
  local path = source:sub(1, #ROOT) == ROOT and source:sub(#ROOT + 1) or ""
  return path:find "^corosync[/\\]" or path:find "^cpgrun[/\\]" or path:find "^resty[/\\]corosync[/\\]"
end

-- The level of the first Lua function outside the library, as seen by the function that called this one.
local function level()
  local found = 2
  local info = getinfo(found, "Sl")
  while info and (info.currentline < 0 or is_ours(info.source)) do
    found = found + 1
    info = getinfo(found, "Sl")
  end
  return found - 1
end

-- Like error, with a format, at the line of the library's caller.
function errors.raise(message, ...)
  error(message:format(...), getinfo and level() or 0)
end

local function finish(name, shift, ok, ...)
  if ok then
    return ...
  end
  local problem = ...
  local number, why = tostring(problem):match "bad argument #(%d+) to '[^']*' (%(.*%))$"
  if number then
    errors.raise("bad argument #%d to '%s' %s", number + shift, name, why)
  end
  error(problem, 0)
end

-- Calls a C function for the library's function `name`: a wrong argument is raised under that name, at the caller's
-- line; `shift` is added to its number.
function errors.call(name, shift, f, ...)
  return finish(name, shift, pcall(f, ...))
end

-- Raises unless an argument is a table whose fields are known and have the right types. `known`: type names by field;
-- `required`: a list of fields that must be there, if any.
function errors.check_fields(given, known, position, argument, call, required)
  local where = ("bad argument #%d '%s' to '%s'"):format(position, argument, call)
  if type(given) ~= "table" then
    errors.raise("%s (table expected, got %s)", where, type(given))
  end
  for field, value in pairs(given) do
    if not known[field] then
      errors.raise("%s (%s)", where, suggest.unknown_field(known, field))
    elseif type(value) ~= known[field] then
      errors.raise("%s (field '%s': %s expected, got %s)", where, field, known[field], type(value))
    end
  end
  for _, field in ipairs(required or {}) do
    if given[field] == nil then
      errors.raise("%s (field '%s': %s expected, got nil)", where, field, known[field])
    end
  end
end

local function method(name, f, key, object)
  return function(self, ...)
    if type(self) ~= "table" or not self[key] then
      errors.raise("%s is a method: call it with a colon, as %s:%s(...)", name, object, name)
    end
    return f(self, ...)
  end
end

-- Makes methods raise a clear error if they are called with a dot instead of a colon. `key`: a field that each object
-- has; `object`: the object's name in the message.
function errors.guard_methods(methods, key, object)
  for name, f in pairs(methods) do
    if type(f) == "function" then
      methods[name] = method(name, f, key, object)
    end
  end
end

-- A name, which may have any bytes, in quotes and on one line.
function errors.quote(name)
  return (("%q"):format(name):gsub("\\\n", "\\n"):gsub('^"(.*)"$', "'%1'"))
end

-- Returns nil, message, code: a group failed to do something.
function errors.failure(action, group, why, code)
  return nil, ("cannot %s group %s: %s"):format(action, errors.quote(group.name), why), code
end

return errors
