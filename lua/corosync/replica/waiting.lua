-- How a caller without a callback waits for its result: a coroutine yields until then; other code handles the events
-- meanwhile.
local waiting = {}

-- The running coroutine if it may yield, else nil.
local function yieldable()
  local routine, is_main = coroutine.running()
  if not routine or is_main or coroutine.isyieldable and not coroutine.isyieldable() then
    return nil
  end
  return routine
end

-- A controller of cqueues runs this code.
local function in_cqueues()
  local cqueues = package.loaded.cqueues
  return cqueues and cqueues.running() and yieldable() and cqueues
end

local function by_condition(start)
  local condition = require("cqueues.condition").new()
  local result
  start(function(...)
    result = { n = select("#", ...), ... }
    condition:signal()
  end)
  while not result do
    condition:wait()
  end
  return result
end

local function by_yield(routine, start)
  local result
  local is_waiting = false
  start(function(...)
    result = { n = select("#", ...), ... }
    if is_waiting then
      assert(coroutine.resume(routine))
    end
  end)
  is_waiting = true
  while not result do
    coroutine.yield()
  end
  return result
end

-- Handles events until there is a result.
local function by_handling(member, start)
  local result
  start(function(...)
    result = { n = select("#", ...), ... }
  end)
  local function is_over() return result ~= nil end
  local ok, message, code = member:handle_until(is_over)
  if not result then
    return { n = 3, ok, message, code }
  end
  return result
end

-- Calls `start(tell)`, and returns what `tell` is called with, as a table with `n`.
function waiting.result(member, start)
  if in_cqueues() then
    return by_condition(start)
  end
  local routine = yieldable()
  if routine then
    return by_yield(routine, start)
  end
  return by_handling(member, start)
end

-- Submits, and returns the result, message and code.
function waiting.submit(member, what, data)
  local result = waiting.result(member, function(tell)
    local ok, message, code = member:submit(what, data, tell)
    if not ok then
      tell(nil, message, code)
    end
  end)
  return result[1], result[2], result[3]
end

return waiting
