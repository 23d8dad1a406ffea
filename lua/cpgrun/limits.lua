-- --handler-timeout and --memory-limit.
local log = require "cpgrun.log"
local script = require "cpgrun.script"
local script_calls = require "corosync.script_calls"

local limits = {}

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/limits%.lua$"

function limits.set(chosen, facts)
  if jit and (chosen.handler_timeout or chosen.memory_limit) then
    require "cpgrun.limits.jit_off"
  end
  if chosen.handler_timeout or chosen.memory_limit then
    script_calls.guard, script_calls.limit_memory, script_calls.pcall_without = facts.limit(OWN_LUA,
      chosen.handler_timeout, chosen.memory_limit)
    script_calls.limits_time = chosen.handler_timeout ~= nil
    script.protected = script_calls.guard
  end
  log.memory_limit = chosen.memory_limit
end

-- Returns true, or false and a message if the state already exceeds the limit.
function limits.fit(chosen)
  if not chosen.memory_limit then
    return true
  end
  collectgarbage()
  local used, limit = collectgarbage "count", chosen.memory_limit / 1024
  return used < limit, ("--memory-limit of %.0f kB is too small: cpgrun itself uses %.0f kB before the script is "
    .. "loaded"):format(limit, used)
end

return limits
