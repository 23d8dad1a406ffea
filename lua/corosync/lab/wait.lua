--- Waits on the luv loop, from plain code and from coroutines. Plain code runs the loop itself. A coroutine must not,
-- because luv's loop is not reentrant: it yields, and the loop that its program runs resumes it.
-- @module corosync.lab.wait

local own = require "corosync.own_handles"
local uv = require "luv"

-- Milliseconds: the longest pause between two checks of a condition.
local INTERVAL = 20

-- When a turn of the loop takes so many nanoseconds too long, the machine or this process stood still.
local STANDSTILL = 1e9

local wait = {}

-- Kept between waits: after closing a timer, the next turn of the loop does not block.
local plain_timer

-- By coroutine, a function for its error. Without one the loop gets the error.
local catchers = setmetatable({}, { __mode = "k" })

local function nothing() end

local function with_traceback(routine, problem)
  return debug.traceback(routine, tostring(problem))
end

local function turn(milliseconds)
  if uv.loop_mode() then
    error("cannot wait inside a callback of the running luv loop: wait in a coroutine", 0)
  end
  plain_timer = plain_timer or own(uv.new_timer())
  -- The loop's time is that of its last turn, so the timer may be due already: it must repeat to end this turn.
  plain_timer:start(milliseconds, milliseconds, nothing)
  uv.run("once")
  plain_timer:stop()
end

local function park(routine, milliseconds)
  local timer, check = uv.new_timer(), uv.new_check()
  local parked = true
  local function wake()
    if not parked then
      return
    end
    parked = false
    timer:close()
    check:close()
    local fine, problem = coroutine.resume(routine)
    if fine then
      return
    end
    if not catchers[routine] then
      error(with_traceback(routine, problem), 0)
    end
    catchers[routine](problem)
  end
  timer:start(milliseconds, 0, wake)
  -- A check handle runs after every turn of the loop, so the condition is checked after each event.
  check:start(wake)
  repeat coroutine.yield() until not parked
end

local function current_coroutine()
  local routine, is_main = coroutine.running()
  if not is_main then
    return routine
  end
end

-- One turn, for plain code or a coroutine. Returns how many nanoseconds the machine or this process stood still.
local function take_turn(milliseconds)
  local ends, routine = uv.hrtime() + milliseconds * 1e6, current_coroutine()
  if routine then
    park(routine, milliseconds)
  else
    turn(milliseconds)
  end
  local over = uv.hrtime() - ends
  return over > STANDSTILL and over or 0
end

--- Waits until a condition holds.
-- It is checked after each event of the loop and at least every 20 ms. It may itself wait. Time in which the machine or
-- this process stood still (paused, suspended, or in one callback for over a second) does not count, because nothing
-- else may have progressed either; but in all the wait is at most twice as long.
-- @tparam function condition called without arguments
-- @tparam[opt] number seconds the longest wait; without it there is no limit
-- @treturn boolean whether the condition held in time
-- @raise errors of the condition; and when called in a callback of the running loop, outside a coroutine
function wait.until_true(condition, seconds)
  local longest = (seconds or math.huge) * 1e9
  local deadline = uv.hrtime() + longest
  local latest = deadline + longest
  while not condition() do
    local left = math.ceil((deadline - uv.hrtime()) / 1e6)
    if left <= 0 then
      return false
    end
    deadline = math.min(deadline + take_turn(math.min(INTERVAL, left)), latest)
  end
  return true
end

local function never() return false end

--- Waits while the loop handles events.
-- @tparam number seconds
function wait.pass(seconds)
  wait.until_true(never, seconds)
end

--- Like pcall, for a function that may wait: in Lua 5.1 nothing can wait within pcall.
-- @tparam function action called without arguments
-- @treturn boolean whether it returned without an error
-- @return the error
-- @treturn string its traceback
function wait.call(action)
  local outcome
  local routine = coroutine.create(function()
    action()
    outcome = { true }
  end)
  catchers[routine] = function(problem) outcome = { false, problem, with_traceback(routine, problem) } end
  local fine, problem = coroutine.resume(routine)
  if not fine then
    catchers[routine](problem)
  end
  wait.until_true(function() return outcome end)
  return outcome[1], outcome[2], outcome[3]
end

return wait
