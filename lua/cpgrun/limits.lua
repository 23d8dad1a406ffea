-- --handler-timeout and --memory-limit.
local log = require "cpgrun.log"
local script = require "cpgrun.script"
local script_calls = require "corosync.script_calls"

local limits = {}

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/limits%.lua$"

function limits.set(options, native)
  if jit and (options.handler_timeout or options.memory_limit) then
    require "cpgrun.limits.jit_off"
  end
  if options.handler_timeout or options.memory_limit then
    script_calls.guard, script_calls.limit_memory, script_calls.pcall_without = native.limit(OWN_LUA,
      options.handler_timeout, options.memory_limit)
    script_calls.limits_time = options.handler_timeout ~= nil
    script.protected = script_calls.guard
  end
  log.memory_limit = options.memory_limit
end

-- Returns true, or false and a message if the state already exceeds the limit.
function limits.fit(options)
  if not options.memory_limit then
    return true
  end
  collectgarbage()
  local used, limit = collectgarbage "count", options.memory_limit / 1024
  return used < limit, ("--memory-limit of %.0f kB is too small: cpgrun itself uses %.0f kB before the script is "
    .. "loaded"):format(limit, used)
end

return limits
