-- Whether a function of the script that may use only the state and the command is running: `apply`, `initial`,
-- `snapshot` or `restore`. It must not submit to any replica. If it handled events while it waits, commands would be
-- applied to a state that is about to be replaced.
local applying = {}

-- Its coroutine, or true outside of coroutines. Weak, because a function that has yielded never returns if its
-- coroutine was dropped.
local present = setmetatable({}, { __mode = "v" })

function applying.is_running()
  local runner = present.runner
  return runner == true or runner ~= nil and coroutine.status(runner) ~= "dead"
end

-- To be called around such a function. `begin` returns what `finish` takes.
function applying.begin()
  local before = present.runner
  present.runner = coroutine.running() or true
  return before
end

-- Without `before`, no such function is running any more.
function applying.finish(before)
  present.runner = before
end

-- Calls such a function. Returns true and its result, or false and the error.
function applying.pcall(f, ...)
  local before = applying.begin()
  local ok, result = pcall(f, ...)
  applying.finish(before)
  return ok, result
end

return applying
