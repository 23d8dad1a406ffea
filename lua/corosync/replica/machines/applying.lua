-- Whether a function of the script that may use only the state and the command is running, such as `apply`. It must not
-- submit to any replica.
local applying = { is_running = false }

-- Calls such a function. Returns true, or false and the error.
function applying.pcall(f, ...)
  applying.is_running = true
  local ok, problem = pcall(f, ...)
  applying.is_running = false
  return ok, problem
end

return applying
