-- How a group's light thread in nginx waits for events, by a socket or by polling, and how others wait for the group.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local reconnect = require "corosync.reconnect"
local semaphore = require "ngx.semaphore"
local wake_socket = require "corosync.resty.socket"

local POLL = 0.01 -- seconds between polls where no thread can wait
local DAY = 86400 -- seconds: the longest wait, because nginx counts milliseconds in 31 bits
local LOOK = 1 -- second: how often waiters check without an event, for instance whether the worker is exiting
local TICK = 0.001 -- seconds: nginx's shortest sleep; it warns of each ngx.sleep(0)
local MAY_WAIT = { rewrite = true, access = true, content = true, timer = true, server_rewrite = true,
  preread = true, ssl_cert = true, ssl_client_hello = true, ssl_session_fetch = true }

local now = core.now

local waiting = { DAY = DAY, OVER = "its worker is exiting and has left it" }

function waiting.prepare(record, directory, poll)
  record.directory, record.poll = directory, poll
  record.nudge, record.longest_nap = semaphore.new(), LOOK
  record.waiting = setmetatable({}, { __mode = "k" }) -- nginx may end one that waits
end

-- Whether the running code may wait.
function waiting.is_allowed()
  return MAY_WAIT[ngx.get_phase()] or false
end

-- The functions of a loop that corosync.group calls.
local light = { longest_wait = 0 }
waiting.loop = light

-- Does not wait for a group that is no longer wanted. Fetches events from Corosync, because the light thread that
-- handles them may be in a handler that waits here.
function light.pause(record, seconds)
  local unwanted = not record.wanted and record.state == "idle" or record.leave_by and now() >= record.leave_by
  if unwanted or not waiting.is_allowed() then
    return nil
  end
  ngx.sleep(math.max(seconds, TICK))
  if not record.handle then
    return false
  end
  local queued, message, code = record.handle:fetch()
  if queued then
    waiting.nudge(record)
  end
  return queued, message, code
end

local awaited = setmetatable({}, { __mode = "k" }) -- by light thread: the group in which it waits for room

-- The running coroutine, as a group's new light thread. nginx reuses coroutines, also those that it ended while they
-- waited for room.
function waiting.new_thread()
  local routine = coroutine.running()
  awaited[routine] = nil
  return routine
end

-- Whether the group's light thread is that one, or waits for room in a group of which this holds.
local function waits_for(record, routine)
  while record and record.thread ~= routine do
    record = record.thread and awaited[record.thread]
  end
  return record ~= nil
end

-- The group's light thread handles events meanwhile, unless it is the sender, or waits for the sender's handler.
function light.make_room(record, seconds)
  local routine = coroutine.running()
  if waits_for(record, routine) or not waiting.is_allowed() then
    return nil
  end
  waiting.nudge(record)
  awaited[routine] = record
  local ok = waiting.until_true(record, function() return true end, now() + seconds)
  awaited[routine] = nil
  return ok
end

function light.watch()
  return true
end

function light.remove(record)
  if record.socket then
    record.socket:shut()
  end
end

local function has_socket(record)
  return record.socket and not record.socket:is_closed()
end

-- Wakes the group's light thread.
function waiting.nudge(record)
  if has_socket(record) then
    record.socket:wake()
  elseif record.nudge:count() < 1 then
    record.nudge:post()
  end
end

light.wake = waiting.nudge

-- Lets all waiters check their predicates.
function waiting.wake_waiters(record)
  if next(record.waiting) then
    for each in pairs(record.waiting) do
      each:post()
    end
  end
end

-- Until so many seconds are over, or a nudge.
function waiting.nap(record, seconds)
  record.nudge:wait(seconds)
end

-- For a socket of a light thread that nginx has ended: only its own light thread could close the cosocket.
function waiting.abandon_socket(record)
  light.remove(record)
  record.socket = nil
end

function waiting.close_socket(record)
  if record.socket then
    record.socket:close()
    record.socket = nil
  end
end

-- The process may be out of descriptors, so it tries again to open the socket, with the pauses of reconnecting. Without
-- threads it polls for good.
local function poll_from_now(record, why)
  waiting.close_socket(record)
  if not record.polls then
    ngx.log(ngx.WARN, ("corosync: group %s polls for events every %d ms: %s"):format(
      errors.quote(record.object.name), POLL * 1000, why))
  end
  record.polls = (record.polls or 0) + 1
  record.socket_at = core.waker and now() + reconnect.pause(record.polls, ngx.worker.pid()) or math.huge
end

-- Returns true, or nil, message. A socket just opened may have missed a nudge, so it does not wait yet.
local function wait_for_socket(record)
  if not has_socket(record) then
    local message
    waiting.close_socket(record)
    record.socket, message = wake_socket.open(record.hooks.fd(record), record.directory, record.longest_nap)
    if record.socket and record.polls then
      record.polls = nil
      ngx.log(ngx.WARN, ("corosync: group %s no longer polls for events"):format(errors.quote(record.object.name)))
    end
    return record.socket and true, message
  end
  return record.socket:wait()
end

-- Waits until there may be an event, or until a nudge.
function waiting.for_event(record)
  if record.poll or record.polls and now() < record.socket_at then
    return waiting.nap(record, math.min(record.poll or POLL, record.longest_nap))
  end
  local ok, message = wait_for_socket(record)
  if not ok then
    poll_from_now(record, message)
  end
end

-- Ends the light thread's turn, so that nginx handles other events. A semaphore would not do: nginx resumes its waiters
-- before it looks for other events.
function waiting.let_others_run(record)
  if has_socket(record) then
    record.socket:wake()
    record.socket:wait()
  else
    ngx.sleep(TICK)
  end
end

-- The worker is exiting and has left the group: nothing will happen any more.
function waiting.is_over(record)
  return ngx.worker.exiting() and record.state == "idle"
end

-- Every waiter has a semaphore of its own: one that waits again must not take another's turn.
function waiting.until_true(record, predicate, deadline)
  local own = semaphore.new()
  record.waiting[own] = true
  local holds, left
  repeat
    left = deadline - now()
    if left > 0 then
      own:wait(math.min(left, LOOK))
    end
    holds = predicate()
  until holds or left <= 0 or left ~= left or waiting.is_over(record)
  record.waiting[own] = nil
  return holds
end

return waiting
