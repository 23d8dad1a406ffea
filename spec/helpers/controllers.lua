-- Coroutines in a controller of cqueues, with a time limit.
local assert = require "luassert"
local cqueues = require "cqueues"

local LIMIT = 60 -- seconds for the coroutines of a spec

-- Runs coroutines in one controller until all have ended. A group's polls must not end before the limit by themselves:
-- see `patient`.
local function run(...)
  local controller = cqueues.new()
  for _, each in ipairs { ... } do
    controller:wrap(each)
  end
  local ok, problem = controller:loop(LIMIT)
  if not ok then error(problem, 0) end
  assert.equal(0, controller:count(), "coroutines that have not ended in time")
end

-- cqueues takes a group's field `timeout` for the longest poll.
local function patient(group)
  group.timeout = 2 * LIMIT
  return group
end

local function numbers(last)
  local list = {}
  for i = 1, last do
    list[i] = tostring(i)
  end
  return list
end

-- Handles the events of the join.
local function calm(object)
  while cqueues.poll(object, 0.05) == object do
    assert(object:dispatch())
  end
end

return {
  run = run,
  patient = patient,
  numbers = numbers,
  calm = calm,
}
