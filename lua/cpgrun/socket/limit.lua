-- Limits the time that a coroutine runs, not counting its waits: a count hook adds up the time between its calls. Once
-- the coroutine has waited, long gaps count little. Other coroutines that this one creates have no limit. LuaJIT has
-- one hook for all coroutines.
local uv = require "luv"

local LONGEST_STEP = 0.1 -- seconds between two checks of the clock: a longer time may have been a wait
local FEWEST, MOST = 10, 1000 -- instructions between two checks: few while they are slow, because of functions in C
local SLOW = 0.01 -- seconds: MOST fast instructions take less

local Limit = {}
Limit.__index = Limit

local function strike(self)
  error(("stopped because it has run for more than %d s: see --handler-timeout"):format(self.seconds), 3)
end

local function is_other(self)
  return jit and self.has_waited and coroutine.running() ~= self.routine
end

-- Once the time is over, the hook is called for each instruction, so that code that catches the error cannot continue.
local function arm(self, every)
  if self.every ~= every then
    self.every = every
    debug.sethook(self.routine, self.check, "", every)
  end
end

-- To be called before the coroutine runs. `seconds`: nil for no limit.
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
    used = used + (self.has_waited and math.min(step, LONGEST_STEP) or step)
    if used > seconds then
      arm(self, 1)
      strike(self)
    end
    arm(self, step > SLOW and FEWEST or math.min(2 * self.every, MOST))
  end
  if seconds then
    arm(self, FEWEST)
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
