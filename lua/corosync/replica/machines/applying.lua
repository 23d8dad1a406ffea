-- Whether a function of the script that may use only the state and the command is running: `apply`, `initial`,
-- `snapshot` or `restore`. It must not submit to any replica. If it handled events while it waits, commands would be
-- applied to a state that is about to be replaced.
local applying = { is_running = false }

-- Calls such a function. Returns true and its result, or false and the error.
function applying.pcall(f, ...)
  local before = applying.is_running
  applying.is_running = true
  local ok, result = pcall(f, ...)
  applying.is_running = before
  return ok, result
end

return applying
