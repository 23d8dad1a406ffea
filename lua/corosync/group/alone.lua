-- One handler of a group at a time, where Lua calls it (the C half sees to it by itself): until it returns, no other
-- event is handled.
local handlers = require "corosync.handlers"

local alone = {}

local runners = setmetatable({}, { __mode = "kv" }) -- by group: the coroutine that its handler runs in, or true

-- Calls a handler, and reports its error while no other may run; that raises when it cannot be told.
function alone.call(group, handler, ...)
  runners[group] = coroutine.running() or true
  local ok, problem = handlers.try(handler, ...)
  local told, second = true, nil
  if not ok then
    told, second = pcall(handlers.report, group, problem)
  end
  runners[group] = nil
  if not told then
    error(second, 0)
  end
end

-- Whether a handler has not returned. One that has yielded never will when its coroutine was dropped.
function alone.is_busy(group)
  local runner = runners[group]
  return runner == true or runner ~= nil and coroutine.status(runner) ~= "dead"
end

return alone
