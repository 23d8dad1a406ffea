-- Globals for scripts: after, periodically, sleep, log, metrics and json.
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local script_calls = require "corosync.script_calls"
local uv = require "luv"

local conveniences = {}

local FEWEST = 0.001 -- seconds: of a period, because luv counts milliseconds
local traceback = debug.traceback

-- Returns milliseconds.
local function check_seconds(call, seconds, least)
  if type(seconds) ~= "number" then
    errors.raise("bad argument #1 'seconds' to '%s' (number expected, got %s)", call, type(seconds))
  elseif not (seconds >= least and seconds < 1e9) then
    errors.raise("bad argument #1 'seconds' to '%s' (a number from %g to 1e9 expected, got %g)", call, least, seconds)
  end
  return math.ceil(1000 * seconds)
end

local function check_function(call, f)
  if type(f) ~= "function" then
    errors.raise("bad argument #2 'f' to '%s' (function expected, got %s)", call, type(f))
  end
end

local function resume(routine)
  local ended_well, problem
  local ok, stopped = script_calls.try(function()
    ended_well, problem = script_calls.limited(coroutine.resume, routine)
  end)
  if not ok then
    log.raised(stopped)
  elseif not ended_well then
    log.raised(traceback(routine, tostring(problem)))
  end
end

-- Calls `act(cancel)` when it is time. Returns a function that cancels it.
local function start(first, pause, act)
  local timer = uv.new_timer()
  local function cancel()
    if not timer:is_closing() then
      timer:close()
    end
  end
  timer:start(first, pause, function() act(cancel) end)
  return cancel
end

-- Functions run as coroutines, so that they can wait and sleep.
local function after(seconds, f)
  local first = check_seconds("after", seconds, 0)
  check_function("after", f)
  return start(first, 0, function(cancel)
    cancel()
    resume(coroutine.create(f))
  end)
end

local function periodically(seconds, f)
  local pause = check_seconds("periodically", seconds, FEWEST)
  check_function("periodically", f)
  return start(pause, pause, function() resume(coroutine.create(f)) end)
end

local function sleep(seconds)
  local milliseconds = check_seconds("sleep", seconds, 0)
  local routine, is_main = coroutine.running()
  if not routine or is_main then
    errors.raise "sleep: only a coroutine can sleep: use after(seconds, f), or coroutine.wrap"
  end
  start(milliseconds, 0, function(cancel)
    cancel()
    resume(routine)
  end)
  coroutine.yield()
end

-- Loaded when first used, because most scripts have no metrics.
local lazy_metrics = {
  __index = function(_, name) return script_calls.require("cpgrun.metrics.script")[name] end,
  __metatable = "locked",
}

-- Sets the globals, which the script may replace.
function conveniences.define()
  local json = require "cpgrun.json"
  rawset(_G, "after", after)
  rawset(_G, "periodically", periodically)
  rawset(_G, "sleep", sleep)
  rawset(_G, "log", { debug = log.debug, info = log.info, warn = log.warning, error = log.error })
  rawset(_G, "metrics", setmetatable({}, lazy_metrics))
  rawset(_G, "json", { encode = json.encode, decode = json.decode })
end

return conveniences
