-- The light thread of a group in nginx, which connects the group and handles its events in order.
local Group = require("corosync.group").Group
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local errors = require "corosync.errors"
local loss = require "corosync.group.loss"
local reconnect = require "corosync.reconnect"
local waiting = require "corosync.resty.waiting"

local BUDGET = 128 -- events handled before the worker's requests get their turn
local TURN = 0.001 -- seconds: nginx without OpenResty's patches warns at each ngx.sleep(0)
local FLUSH_EVERY = 0.002 -- seconds, while a handler of a group that packs waits
local RENEW = 4000 -- events handled by one light thread, because its memory is freed only when it ends

local now = core.now

local thread = {}

local function nap_until_due(record)
  waiting.nap(record, reconnect.left(record.tries))
end

local function connect(record)
  local ok, message = reconnect.try(record.tries, Group.activate, record.object)
  if ok then
    record.lost = nil
    return
  end
  connection.close(record) -- a try that raised did not
  if record.wanted then
    if not record.lost then
      loss.lose(record, message)
    end
    nap_until_due(record)
  end
end

-- Leaves if that is wanted. A worker that exits does not wait for ever for the end of the leave.
local function leave_if_wanted(record)
  if not record.wanted and record.state == "joined" then
    Group.deactivate(record.object)
  end
  if record.leave_by and now() >= record.leave_by and record.state ~= "idle" then
    connection.close(record)
  end
end

local run_safely

-- After enough rounds, gives the group to a new light thread; if nginx has no timer left, this one goes on.
local function hand_over(record)
  return record.rounds % RENEW == 0 and not ngx.worker.exiting() and ngx.timer.at(0, run_safely, record)
end

-- While a handler waits, nothing else sends the messages that requests pack. Events stay in Corosync, except those for
-- which a long message waits.
local function flush_meanwhile(_, record)
  while record.stepping and record.handle and not ngx.worker.exiting() do
    local _, _, code = record.handle:flush()
    if code == "try_again" then
      record.handle:fetch()
    end
    ngx.sleep(FLUSH_EVERY)
  end
  record.flusher = nil
end

-- A replica has more to do when no more events wait, and when time has passed.
local function look_around(record)
  if record.replica then
    record.replica:look_around()
  end
end

local function step(record)
  if record.packs and not record.flusher then
    record.flusher = ngx.timer.at(FLUSH_EVERY, flush_meanwhile, record)
  end
  record.stepping = true
  local some
  if record.replica then
    some = record.replica:step()
  else
    some = dispatch.step(record)
  end
  record.stepping = false
  return some
end

-- Handles an event, or waits for one.
local function serve(record)
  leave_if_wanted(record)
  local some = step(record)
  if some == false and record.state ~= "idle" then
    look_around(record)
    waiting.for_event(record)
  elseif some then
    waiting.wake_waiters(record)
    if record.rounds % BUDGET == 0 then
      look_around(record)
      ngx.sleep(TURN)
    end
  end
end

-- Until the group is no longer active, or was handed over: then it returns true.
local function run(record)
  local handed_over
  record.thread, record.rounds, record.stepping = waiting.new_thread(), 0, false
  record.packs = record.hooks.packs(record)
  repeat
    record.rounds = record.rounds + 1
    if record.state ~= "idle" then
      serve(record)
    elseif record.wanted then
      connect(record)
      look_around(record)
    else
      look_around(record)
      break
    end
    handed_over = hand_over(record)
  until handed_over
  waiting.close_socket(record)
  return handed_over
end

-- An error that is not a handler's. Without a light thread the group would be a member that handles nothing.
local function recover(record, problem)
  local _, _, _, is_news = reconnect.failed(record.tries, problem, problem:match "^[^\n]*")
  if is_news then
    loss.lose(record, problem)
  else
    connection.close(record)
  end
  nap_until_due(record)
end

function run_safely(premature, record)
  if premature then
    record.wanted = false
  end
  local ok, handed_over
  repeat
    ok, handed_over = xpcall(run, debug.traceback, record)
    if not ok then
      recover(record, tostring(handed_over))
    end
  until ok
  record.thread = nil -- nginx uses coroutines again
  record.running = handed_over or false
  waiting.wake_waiters(record)
end

-- Makes sure that there is a light thread, and that it notices changes of the record.
function thread.start(record)
  if record.running then
    waiting.nudge(record)
    return true
  end
  local ok, message = ngx.timer.at(0, run_safely, record)
  if not ok then
    return errors.failure("start the light thread of", record.object, message, "no_resources")
  end
  record.running = true
  return true
end

return thread
