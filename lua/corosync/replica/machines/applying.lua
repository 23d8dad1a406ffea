-- Whether the caller is in a function of the script that may use only the state and the command: `apply`, `initial`,
-- `snapshot` or `restore`. Such a function must not submit to any replica: if the submit handled events while it waits,
-- commands would be applied to a state that is about to be replaced.
local applying = {}

-- The coroutines that run such functions, true for each. There can be several, because the functions may wait in nginx
-- and cqueues. Weak, because a function that has yielded never returns if its coroutine was dropped.
local runners = setmetatable({}, { __mode = "k" })

local function current()
  return coroutine.running() or "main"
end

-- Whether the caller runs in a coroutine, or in one that it has resumed. In nginx a waiting light thread is "running".
local function contains(runner)
  return runner == current() or runner == "main" or coroutine.status(runner) == "normal"
end

function applying.is_running()
  for runner in pairs(runners) do
    if contains(runner) then
      return true
    end
  end
  return false
end

-- To be called around such a function. `begin` returns what `finish` takes.
function applying.begin()
  local runner = current()
  local before = runners[runner]
  runners[runner] = true
  return before
end

-- If `before` is nil, this coroutine runs no such function any more.
function applying.finish(before)
  runners[current()] = before
end

-- nginx has ended a light thread, and uses its coroutine for others.
function applying.forget(runner)
  if runner then
    runners[runner] = nil
  end
end

-- Calls such a function. Returns true and its result, or false and the error.
function applying.pcall(f, ...)
  local before = applying.begin()
  local ok, result = pcall(f, ...)
  applying.finish(before)
  return ok, result
end

return applying
