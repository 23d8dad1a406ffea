-- Reconnecting to Corosync: when the next try is due, and which failures to report.
local core = require "corosync.binding"

local FIRST, LONGEST = 0.1, 5 -- seconds
local REMINDER = 60 -- seconds until a failure that persists is reported again
local EXPECTED = { exist = true, not_connected = true, try_again = true } -- while Corosync is away or starts

local now = core.now

local reconnect = {
  WITHIN = LONGEST + 0.5, -- seconds: when Corosync is back, a process has reconnected within this time
}

-- From 0 to 1, different for each seed and try, without math.random, whose sequence is the script's.
local function scatter(seed, tries)
  return (seed * 0.6180339887 + tries * 0.7548776662) % 1
end

-- The seconds before the next try: they double up to a limit, and are scattered by the process's seed.
function reconnect.pause(tries, seed)
  return math.min(FIRST * 2 ^ tries, LONGEST) * (0.5 + scatter(seed, tries) / 2)
end

-- When one connection is tried again. The first try is due after `schedule`.
function reconnect.new(seed)
  return { seed = seed, tries = 0, due = 0 }
end

-- Sets the time of the next try; returns the seconds until then.
function reconnect.schedule(backoff)
  local seconds = reconnect.pause(backoff.tries, backoff.seed)
  backoff.tries, backoff.due = backoff.tries + 1, now() + seconds
  return seconds
end

function reconnect.left(backoff)
  return math.max(0, backoff.due - now())
end

function reconnect.succeeded(backoff)
  backoff.tries, backoff.cause = 0, nil
end

-- Whether to report: a failure other than Corosync's absence, once for each cause and then as a reminder. A lack of
-- descriptors fails with the same code in many places, so the code is the cause. This makes no strings, because memory
-- may be short.
local function is_news(backoff, message, code)
  local cause = code or message
  if EXPECTED[code] or cause == backoff.cause and now() < backoff.remind then
    return false
  end
  backoff.cause, backoff.remind = cause, now() + REMINDER
  return true
end

-- Schedules the next try. Returns nil, message, code, and whether to report the failure.
function reconnect.failed(backoff, message, code)
  reconnect.schedule(backoff)
  return nil, message, code, is_news(backoff, message, code)
end

local function finish(backoff, ok, connected, message, code)
  if not ok then
    return reconnect.failed(backoff, connected)
  elseif not connected then
    return reconnect.failed(backoff, message, code)
  end
  reconnect.succeeded(backoff)
  return true
end

-- Calls a function that returns true, or nil, message, code. It may raise, when memory is refused or in a finalizer;
-- that must not be the last try. Returns true, or as `failed`.
function reconnect.try(backoff, connect, ...)
  return finish(backoff, pcall(connect, ...))
end

return reconnect
