-- The light thread of a group in nginx, which connects the group and handles its events in order.
--
-- The group of a replica, and one of which a node is a member once, have `record.member`, which handles their events:
--   step()            handles an event; returns as the group's step
--   after_events()    called when no more events wait, and at times before that
--   start_spawned()   starts the functions that need light threads of their own
--   interrupted()     called after nginx has ended the light thread inside a function of the script
--
-- Fields of a group's record that only nginx's groups have, by the file that sets them:
--   hooks      wanted: the group is to be a member; lost: why it has no connection, nil when it has one
--   resty      backoff: when the next try to connect is due; node: of node.lua, if a node is a member once
--   thread     thread: the light thread; rounds, turn_ends, stepping (it handles an event now)
--              asked: a table that only the last timer for a light thread has; silent_since: when one was first set
--              successor: a semaphore for the light thread that waits for the end of this one
--              leave_by: when an exiting worker no longer waits for the end of its leave
--   waiting    directory, poll (options); nudge: a semaphore that wakes the light thread where it has no socket
--              longest_nap: the longest wait without an event; waiting: the semaphores of those that wait for the group
--              socket; polls, socket_at: how often it could not be opened, and when it is tried again
--   liveness   liveness; flusher: flusher
--   replica, node/member    member: see above; run_bytes: `step` passes runs of messages of at most so many bytes
local Group = require("corosync.group").Group
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local errors = require "corosync.errors"
local flusher = require "corosync.resty.flusher"
local handlers = require "corosync.group.handlers"
local liveness = require "corosync.resty.liveness"
local loss = require "corosync.group.loss"
local reconnect = require "corosync.reconnect"
local semaphore = require "ngx.semaphore"
local state = require "corosync.group.state"
local supervisor = require "corosync.resty.supervisor"
local waiting = require "corosync.resty.waiting"

local TURN = 0.0005 -- seconds of handling events before the worker's requests get their turn
local RENEW = 4000 -- rounds of one light thread, because its memory is freed only when it ends
local LEAVING = 5 -- seconds that an exiting worker waits for the end of its leave
local LATE = 2 -- seconds until a light thread that has not begun is reported
local LOOK = 1 -- second: how often a light thread that waits for the end of another checks that it still exists

local NOT_RUN = "nginx did not run its timer: raise lua_max_running_timers or worker_connections, whichever the alert "
  .. "\"lua failed to run timer\" in nginx's error log names"

local now = core.now

local thread = {}

local function nap_until_due(record)
  waiting.nap(record, reconnect.left(record.backoff))
end

local function connect(record)
  local ok, message = reconnect.try(record.backoff, Group.activate, record.object)
  if ok then
    record.lost = nil
    return
  end
  connection.close(record) -- an attempt that raised has not closed it
  if record.wanted then
    if not record.lost then
      loss.lose(record, message)
    end
    nap_until_due(record)
  end
end

-- At once, even if its light thread waits in a handler.
local function leave_at_exit(record)
  if record.leave_by or not record.hooks.may_leave(record) then
    return
  end
  record.wanted, record.leave_by = false, now() + LEAVING
  if record.state == "joined" and record.handle:leave(LEAVING) then
    state.change(record, "leave")
  end
  waiting.nudge(record)
  waiting.wake_waiters(record)
end

-- Leaves if that is wanted. An exiting worker waits for the end of the leave only until `leave_by`.
local function leave_if_wanted(record)
  if ngx.worker.exiting() then
    leave_at_exit(record)
  end
  if not record.wanted and record.state == "joined" then
    Group.deactivate(record.object)
  end
  if record.leave_by and now() >= record.leave_by and record.state ~= "idle" then
    connection.close(record)
  end
end

-- No more events wait, or the time of a turn is over.
local function after_events(record)
  if record.member then
    record.member:after_events()
    record.member.start_spawned()
  end
end

local function step(record)
  flusher.expect(record)
  record.stepping = true
  local some
  if record.member then
    some = record.member:step()
  else
    some = dispatch.step(record)
  end
  record.stepping = false
  return some
end

local function begin_turn(record)
  record.turn_ends = now() + TURN
end

-- Handles an event, or waits for one.
local function serve(record)
  local some = step(record)
  if some == false and record.state ~= "idle" then
    after_events(record)
    waiting.for_event(record)
    begin_turn(record)
  elseif some then
    waiting.wake_waiters(record)
    if now() >= record.turn_ends then
      after_events(record)
      waiting.let_others_run(record)
      begin_turn(record)
    end
  end
end

-- ---- a light thread's beginning and end ----

local begin

-- If too many timers run when one is due, nginx drops it and only logs that. So a light thread counts only when it has
-- begun.
local function ask(record)
  record.asked = {}
  return ngx.timer.at(0, begin, record, record.asked)
end

-- Until the group is no longer active, or another light thread is ready to go on.
local function run(record)
  repeat
    record.rounds = record.rounds + 1
    leave_if_wanted(record)
    if record.state ~= "idle" then
      serve(record)
    elseif record.is_paused then -- until its replica joins again
      waiting.nap(record, record.longest_nap)
      after_events(record)
    else
      if record.wanted then
        connect(record)
      end
      after_events(record)
    end
    if record.rounds % RENEW == 0 then
      ask(record)
    end
  until record.successor or not record.wanted and record.state == "idle"
end

-- An error that is not a handler's. Without a light thread the group would be a member that handles nothing.
local function recover(record, problem)
  local _, _, _, is_news = reconnect.failed(record.backoff, problem, problem:match "^[^\n]*")
  if is_news then
    loss.lose(record, problem)
  else
    connection.close(record)
  end
  nap_until_due(record)
end

local function run_safely(record)
  local ok, problem
  repeat
    ok, problem = xpcall(run, debug.traceback, record)
    if not ok then
      recover(record, tostring(problem))
    end
  until ok
end

-- Waits until the earlier light thread has returned from its handler and ended.
local function take_over(record)
  record.successor = semaphore.new()
  waiting.nudge(record)
  repeat
    local has_ended = record.successor:wait(LOOK)
  until has_ended or not liveness.is_alive(record)
  record.successor = nil
end

-- Reports what happened before this light thread began: nginx did not run its timer, or ended the earlier light thread.
-- A handler that was ended may have left anything half done, so a member that shares a state cannot go on.
local function report_past(record, was_ended, silent_since)
  local seconds = silent_since and now() - silent_since or 0
  if seconds >= LATE then
    handlers.report(record, ("it handled no events for %.0f s, because %s"):format(seconds, NOT_RUN))
  end
  if was_ended and record.member then
    record.member:interrupted()
  elseif was_ended then
    handlers.report(record, "a handler ended the group's light thread, as ngx.exit does, and the rest of the handler "
      .. "did not run: return from handlers instead")
  end
end

local function prepare(record)
  local was_ended, silent_since = liveness.was_ended(record), record.silent_since
  waiting.abandon_socket(record) -- of a light thread that was ended
  record.thread, record.rounds, record.stepping, record.silent_since = waiting.new_thread(), 0, false, nil
  liveness.begin(record)
  flusher.begin(record)
  begin_turn(record)
  report_past(record, was_ended, silent_since)
end

local function finish(record)
  waiting.close_socket(record)
  flusher.finish(record)
  liveness.finish(record)
  record.thread = nil -- nginx reuses coroutines
  if record.successor then
    record.successor:post()
  else
    supervisor.remove(record)
  end
  waiting.wake_waiters(record)
end

-- Another light thread may have been requested, because this one begins late; or another waits to take over, perhaps
-- from one that has just ended.
function begin(_, record, asked)
  if record.asked ~= asked or record.successor then
    return
  end
  record.asked = nil
  if liveness.is_alive(record) then
    take_over(record)
  end
  prepare(record)
  run_safely(record)
  finish(record)
end

local function ensure(record)
  if record.successor or liveness.is_alive(record) then
    return true
  end
  record.silent_since = record.silent_since or now()
  return ask(record)
end

-- ---- for others ----

local SUPERVISED = { ensure = ensure, leave_at_exit = leave_at_exit }

-- Makes sure that there is a light thread, and that it notices changes of the record.
function thread.start(record)
  local ok, message = supervisor.add(record, SUPERVISED)
  if ok then
    waiting.nudge(record)
    ok, message = ensure(record)
  end
  if not ok then
    return errors.failure("start the light thread of", record.object, message, "no_resources")
  end
  return true
end

-- Why the group handles no events; nil if it does.
function thread.problem(record)
  return record.silent_since and now() - record.silent_since >= LATE and NOT_RUN or nil
end

return thread
