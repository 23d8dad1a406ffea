-- Finds the script's handlers, which are globals.
local limited = require("corosync.script_calls").limited

local globals = {}

-- Looks the script's global up at each event, so that the script may define or replace it at any time.
function globals.caller(name)
  return function(...)
    local handler = rawget(_G, name)
    if handler then
      return limited(handler, ...)
    end
  end
end

-- The table in which message_received is looked up at each message: the globals themselves, because a function costs at
-- each message; a function if the globals are checked, as by strict.lua.
function globals.lookup()
  return getmetatable(_G) == nil and _G or function(_, name) return rawget(_G, name) end
end

return globals
