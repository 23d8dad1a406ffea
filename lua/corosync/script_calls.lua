-- Calls of a script's functions: with a traceback, and under the limits of time and memory that a host may set.
local traceback = require "corosync.traceback"

local script_calls = {}

-- Lua 5.1's own xpcall passes no arguments.
local passes_arguments = select(2, xpcall(function(given) return given end, error, true))
local unpack = table.unpack or unpack -- luacheck: ignore 113

-- A host may set `guard`, which calls each function of a script, as xpcall with a traceback; and `limits_time`: whether
-- `guard` limits the function's time.
script_calls.guard, script_calls.limits_time = nil, false

-- Set by a host that limits the memory of a script's functions. Functions of this package have no limit, because they
-- must not be interrupted by an error. `guard` calls them without the limit, so they call the script's functions with
-- `limited`. `limit_memory(true)` applies the limit, `limit_memory(false)` does not, and `limit_memory(f)` does if f
-- is the script's. It returns whether the limit applied before.
script_calls.limit_memory = nil

local function leave(before, ...)
  script_calls.limit_memory(before)
  return ...
end

-- Calls a function, with the limit if it is the script's. After an error the enclosing guard restores the limit.
function script_calls.limited(f, ...)
  if script_calls.limit_memory then
    return leave(script_calls.limit_memory(f), f(...))
  end
  return f(...)
end

-- As pcall. A function of this package that the script may call is not interrupted.
function script_calls.pcall(f, ...)
  if script_calls.limit_memory then
    return leave(script_calls.limit_memory(f), pcall(f, ...))
  end
  return pcall(f, ...)
end

-- Set by a host that sets `guard`: as pcall, without the limits. What `guard` calls inside has them.
script_calls.pcall_without = nil

-- Takes the results of pcall: raises the error, or returns the function's own results.
function script_calls.unwrap(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

-- Calls a function of this package that waits, for Corosync or for events, which it handles meanwhile. The time does
-- not count for the function of the script that waits.
function script_calls.waiting(f, ...)
  if script_calls.pcall_without then
    return script_calls.unwrap(script_calls.pcall_without(f, ...))
  end
  return f(...)
end

local function unwrap_under(guard, ...)
  script_calls.guard = guard
  return script_calls.unwrap(...)
end

-- Calls a function without a host's limits. For calls that have succeeded before: these must succeed again.
function script_calls.without_limits(f, ...)
  local guard = script_calls.guard
  if not guard then
    return f(...)
  end
  script_calls.guard = nil
  return unwrap_under(guard, script_calls.pcall_without(f, ...))
end

-- Whether an error's text is that of a limit. Another process may have had more time or memory.
function script_calls.is_limit(problem)
  return (problem:find "not enough memory[%a ]*$" or problem:find("(--handler-timeout)", 1, true)) ~= nil
end

-- Returns a function that calls one of this package with `script_calls.pcall`, and passes on its errors.
function script_calls.whole(f)
  return function(...)
    if script_calls.limit_memory then
      return script_calls.unwrap(script_calls.pcall(f, ...))
    end
    return f(...)
  end
end

-- As require, for modules that are loaded when the script first uses them: a module whose loading is interrupted may
-- stay half loaded.
script_calls.require = script_calls.whole(function(name) return require(name) end)

-- Calls a function of the script: true, or false and the error's text with a traceback.
function script_calls.try(handler, ...)
  if script_calls.guard then
    return script_calls.guard(handler, ...)
  elseif passes_arguments then
    return xpcall(handler, traceback, ...)
  end
  local count, arguments = select("#", ...), { ... }
  return xpcall(function() handler(unpack(arguments, 1, count)) end, traceback)
end

return script_calls
