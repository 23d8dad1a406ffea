-- Runs random schedules: simulate.lua [SCHEDULES [FIRST_SEED [STEPS]]]. With VERBOSE=1 a schedule's events are printed;
-- NODES=5 fixes the number of nodes; COPIES=1 lets one node confirm commands; FAULT=2 plants the second fault of
-- sim/faults.lua.
package.path = "lua/?.lua;?.lua;" .. package.path
local faults = require "sim.faults"
local plant = require "sim.plant"
local schedule = require "sim.schedule"

local count, first, steps = tonumber(arg[1] or 1000), tonumber(arg[2] or 1), tonumber(arg[3] or 120)
local fault_number = os.getenv "FAULT"
local fault = fault_number and assert(faults[tonumber(fault_number)], "no such fault")
local protocol = plant(fault)
local options = {
  steps = steps, nodes = tonumber(os.getenv "NODES"), copies = tonumber(os.getenv "COPIES"),
  log = os.getenv "VERBOSE" and print,
}

local function report(seed, problem)
  local least, shorter = schedule.shrink(protocol, seed, options)
  print(("seed %d: %s"):format(seed, problem))
  print(("  %sVERBOSE=1 luajit sim/simulate.lua 1 %d %d   # %s"):format(fault and "FAULT=" .. fault_number .. " " or "",
    seed, least, shorter or problem))
end

collectgarbage("setpause", 400) -- a schedule needs little memory
if jit then
  jit.off() -- schedules differ too much: compiling costs more than it saves
end
io.stdout:setvbuf "line"
local failed, replies = 0, {}
local began = os.clock()
for seed = first, first + count - 1 do
  local operations, problem = schedule.run(protocol, seed, options)
  if problem then
    failed = failed + 1
    if failed <= 5 and not options.log then
      report(seed, problem)
    elseif options.log then
      print(problem)
    end
  end
  for _, operation in ipairs(operations or {}) do
    local code = operation.code or "none"
    replies[code] = (replies[code] or 0) + 1
  end
end
local seconds = os.clock() - began
print(("%d schedules of %d steps, %d failed; %.0f a second"):format(count, steps, failed, count / seconds))
for code, number in pairs(replies) do
  print(("  %-10s %d"):format(code, number))
end
os.exit(failed == 0 and 0 or 1, true)
