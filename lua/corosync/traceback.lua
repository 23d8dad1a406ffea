-- The xpcall handler for functions of a script: returns the text of any error value with a traceback. It never raises.
-- Without the debug library there is no traceback.
local error_text = require "corosync.error_text"

local debug_traceback = debug and debug.traceback or function(text) return text end

return function(problem)
  return debug_traceback(error_text(problem), 2)
end
