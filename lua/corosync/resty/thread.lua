-- The light thread of a group in nginx, which connects it, and handles its events in order.
local backoff = require "corosync.backoff"
local base = require "corosync.group"
local core = require "corosync.binding"
local failure = require "corosync.failure"
local waiting = require "corosync.resty.waiting"

local BUDGET = 128 -- events handled before the worker's requests get their turn
local TURN = 0.001 -- seconds: nginx without OpenResty's patches warns at each ngx.sleep(0)
local RENEW = 4000 -- events handled by one light thread, whose memory is given back only when it ends

local now = core.now

local thread = {}

local function retry_later(group)
  local seconds = backoff.seconds(group._tries, ngx.worker.pid())
  group._tries = group._tries + 1
  waiting.nap(group, seconds)
end

local function connect(group)
  local ok, message = base.Group.activate(group)
  if ok then
    group._tries, group._lost, group._problem, group._address = 0, nil, nil, group._handle:address()
  elseif group._wanted then
    if not group._lost then
      group:_lose(message)
    end
    retry_later(group)
  end
end

-- Leaves if that is wanted; a worker that exits does not wait for ever until it is told of it.
local function leave_if_wanted(group)
  if not group._wanted and group._state == "joined" then
    base.Group.deactivate(group)
  end
  if group._leave_by and now() >= group._leave_by and group._state ~= "idle" then
    group:_disconnect()
  end
end

local run_safely

-- After enough rounds, gives the group to a new light thread; if there can be none now, this one goes on.
local function hand_over(group)
  return group._rounds % RENEW == 0 and not ngx.worker.exiting() and ngx.timer.at(0, run_safely, group)
end

-- Handles an event, or waits for one.
local function serve(group)
  leave_if_wanted(group)
  local some = group:_step()
  if some == false and group._state ~= "idle" then
    waiting.for_event(group)
  elseif some then
    waiting.tell(group)
    if group._rounds % BUDGET == 0 then
      ngx.sleep(TURN)
    end
  end
end

-- Until the group is no longer active, or was handed over: answers true then.
local function run(group)
  local handed_over
  group._thread, group._rounds = coroutine.running(), 0
  repeat
    group._rounds = group._rounds + 1
    if group._state ~= "idle" then
      serve(group)
    elseif group._wanted then
      connect(group)
    else
      break
    end
    handed_over = hand_over(group)
  until handed_over
  waiting.take_down_bell(group)
  return handed_over
end

-- No handler's error comes here. But a group without a light thread would be a member that hears nothing. What raises
-- again at each try is told once.
local function recover(group, problem)
  local text = tostring(problem):match "^[^\n]*"
  if text == group._problem then
    group:_disconnect()
  else
    group._problem = text
    group:_lose(problem)
  end
  retry_later(group)
end

function run_safely(premature, group)
  if premature then
    group._wanted = false
  end
  local ok, handed_over
  repeat
    ok, handed_over = xpcall(run, debug.traceback, group)
    if not ok then
      recover(group, handed_over)
    end
  until ok
  group._thread = nil -- nginx uses coroutines again
  group._running = handed_over or false
  waiting.tell(group)
end

-- Makes sure that there is a light thread, and that it looks at what was changed.
function thread.start(group)
  if group._running then
    waiting.nudge(group)
    return true
  end
  local ok, message = ngx.timer.at(0, run_safely, group)
  if not ok then
    return failure("start the light thread of", group, message, "no_resources")
  end
  group._running = true
  return true
end

return thread
