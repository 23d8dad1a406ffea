local faults = require "sim.faults"
local plant = require "sim.plant"
local schedule = require "sim.schedule"

local SCHEDULES = tonumber(os.getenv "SCHEDULES" or 100000)
local SECONDS = jit and 200 or 20 -- of processor time
local SHORT = 30 -- steps

-- Runs schedules until one fails. `more`: options of schedule.run. Returns the seed and the problem of the failing
-- schedule, or nil and how many were run.
local function first_failure(protocol, first, count, steps, seconds, more)
  local began = os.clock()
  for seed = first, first + count - 1 do
    local options = setmetatable({ steps = steps }, { __index = more })
    local _, problem = schedule.run(protocol, seed, options)
    if problem then
      return seed, problem
    elseif seconds and os.clock() - began > seconds then
      return nil, seed - first + 1
    end
  end
  return nil, count
end

describe("the simulator of replicas #slow #jit", function()
  -- As sim/simulate.lua does, for speed.
  setup(function()
    collectgarbage("setpause", 400)
    if jit then jit.off() end
  end)
  teardown(function()
    collectgarbage("setpause", 200)
    if jit then jit.on() end
  end)

  it("finds no violation in random schedules", function()
    local seed, problem = first_failure(plant(), 1, SCHEDULES, SHORT, SECONDS)
    local command = "make simulate SCHEDULES=1 FIRST_SEED=%d STEPS=%d"
    assert(not seed, seed and ("%s; " .. command):format(problem, seed, SHORT))
  end)

  for nodes = 2, 3 do
    it(("loses nothing with one copy when any of %d nodes die one at a time"):format(nodes), function()
      local seed, problem = first_failure(plant(), 1, 300, 120, nil, { copies = 1, nodes = nodes })
      local command = "COPIES=1 NODES=%d make simulate SCHEDULES=1 FIRST_SEED=%d STEPS=120"
      assert(not seed, seed and ("%s; " .. command):format(problem, nodes, seed))
    end)
  end

  for _, fault in ipairs(faults) do
    it("finds the fault: " .. fault.name, function()
      local seed, tried = first_failure(plant(fault), fault.first or 1, fault.within or 200, fault.steps or 120)
      assert(seed, ("not found in %s schedules"):format(tostring(tried)))
    end)
  end

  it("repeats a schedule by its seed", function()
    local protocol, lines = plant(), { {}, {} }
    for i = 1, 2 do
      schedule.run(protocol, 7, { steps = 60, log = function(line) table.insert(lines[i], line) end })
    end
    assert.is_true(#lines[1] > 100)
    assert.same(lines[1], lines[2])
  end)

  it("shrinks a failing schedule to fewer steps", function()
    local fault = faults[1]
    local protocol = plant(fault)
    local seed = assert(first_failure(protocol, fault.first or 1, fault.within or 200, 120))
    local least, problem = schedule.shrink(protocol, seed, { steps = 120 })
    assert.is_true(least <= 120)
    assert.is_string(problem or "")
  end)
end)
