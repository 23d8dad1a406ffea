-- A limit of the time that a coroutine runs, not counting its waits: a count hook adds up the time between its calls,
-- except for long gaps. Other coroutines that this one makes have no limit. LuaJIT has one hook for all coroutines.
local uv = require "luv"

local LONGEST_STEP = 0.1 -- seconds between two checks of the clock: a longer time was a wait
local EVERY = 1000 -- instructions between two checks

local Limit = {}
Limit.__index = Limit

local function strike(self)
  error(("stopped because it has run for more than %d s: see --handler-timeout"):format(self.seconds), 3)
end

local function is_other(self)
  return jit and self.has_waited and coroutine.running() ~= self.routine
end

-- Once the time is over the hook is called at each instruction, so that a pcall cannot go on.
local function arm(self, every)
  debug.sethook(self.routine, self.check, "", every)
end

-- Before the coroutine runs. `seconds`: nil for no limit.
local function new(routine, seconds)
  local self = setmetatable({ routine = routine, seconds = seconds }, Limit)
  local used, last = 0, uv.hrtime()
  function self.check()
    local now = uv.hrtime()
    local step = (now - last) / 1e9
    last = now
    if is_other(self) then
      return
    end
    used = used + math.min(step, LONGEST_STEP)
    if used > seconds then
      arm(self, 1)
      strike(self)
    end
  end
  if seconds then
    arm(self, EVERY)
  end
  return self
end

-- From now on the coroutine may run after others.
function Limit:note_wait()
  self.has_waited = true
end

-- To be called in the coroutine, or when it has ended.
function Limit:lift()
  if self.seconds then
    debug.sethook(self.routine)
  end
end

return { new = new }
