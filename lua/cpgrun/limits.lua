-- --handler-timeout and --memory-limit.
local guards = require "corosync.handlers"
local log = require "cpgrun.log"
local script = require "cpgrun.script"

local limits = {}

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/limits%.lua$"

function limits.set(chosen, facts)
  if jit and (chosen.handler_timeout or chosen.memory_limit) then
    require "cpgrun.limits.jit_off"
  end
  if chosen.handler_timeout or chosen.memory_limit then
    guards.guard, guards.limit_memory = facts.limit(OWN_LUA, chosen.handler_timeout, chosen.memory_limit)
    guards.limits_time = chosen.handler_timeout ~= nil
    script.protected = guards.guard
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
