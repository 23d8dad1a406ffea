-- How a group in nginx waits: its light thread for events, by a bell or by looking again and again, and others for it.
local backoff = require "corosync.backoff"
local bells = require "corosync.bell"
local core = require "corosync.binding"
local quoted = require "corosync.quoted"
local semaphore = require "ngx.semaphore"

local POLL = 0.01 -- seconds between looks where no thread can wait
local DAY = 86400 -- seconds
local TICK = 0.001 -- seconds: nginx counts no less, and warns of each ngx.sleep(0)
local MAY_WAIT = { rewrite = true, access = true, content = true, timer = true, server_rewrite = true,
  preread = true, ssl_cert = true, ssl_client_hello = true, ssl_session_fetch = true }

local now = core.now

local waiting = { DAY = DAY }

function waiting.prepare(group, directory, poll)
  group._directory, group._poll = directory, poll
  group._nudge, group._waiting, group._waiters = semaphore.new(), {}, 0
end

-- Whether the running code may.
function waiting.is_allowed()
  return MAY_WAIT[ngx.get_phase()] or false
end

-- What corosync.group asks of a loop.
local light = { patience = 0 }
waiting.loop = light

-- Nor is anything tried for long that is no longer wanted. What has come is moved out of Corosync's way, since the
-- light thread that handles it may be in the very handler that waits here, or in another that does.
function light.pause(group, seconds)
  local unwanted = not group._wanted and group._state == "idle" or group._leave_by and now() >= group._leave_by
  if unwanted or not waiting.is_allowed() then
    return nil
  end
  ngx.sleep(math.max(seconds, TICK))
  if not group._handle then
    return false
  end
  local queued, message, code = group._handle:fetch()
  if queued then
    waiting.nudge(group)
  end
  return queued, message, code
end

-- The group's light thread handles meanwhile, unless it is the one that sends: then nobody does.
function light.make_room(group, seconds)
  if group._thread == coroutine.running() or not waiting.is_allowed() then
    return nil
  end
  waiting.nudge(group)
  return waiting.until_true(group, function() return true end, now() + seconds)
end

function light.watch()
  return true
end

function light.remove(group)
  if group._bell then
    group._bell:silence()
  end
end

local function has_bell(group)
  return group._bell and not group._bell:is_silent()
end

-- The group's light thread, if it waits, has something to look at.
function waiting.nudge(group)
  if has_bell(group) then
    group._bell:ring()
  elseif group._nudge:count() < 1 then
    group._nudge:post()
  end
end

light.wake = waiting.nudge

-- Whoever waits for something looks at it again.
function waiting.tell(group)
  if group._waiters > 0 then
    for each in pairs(group._waiting) do
      each:post()
    end
  end
end

-- Until so many seconds are over, or a nudge.
function waiting.nap(group, seconds)
  group._nudge:wait(seconds)
end

function waiting.take_down_bell(group)
  if group._bell then
    group._bell:close()
    group._bell = nil
  end
end

-- For want of descriptors, perhaps: a bell is tried again, with the pauses of reconnecting; but not without threads.
local function poll_from_now(group, why)
  waiting.take_down_bell(group)
  if not group._bell_tries then
    ngx.log(ngx.WARN, ("corosync: group %s looks for events every %d ms: %s"):format(quoted(group.name), POLL * 1000,
      why))
  end
  group._bell_tries = (group._bell_tries or 0) + 1
  group._bell_at = core.waker and now() + backoff.seconds(group._bell_tries, ngx.worker.pid()) or math.huge
end

-- True, or nil, message. A bell just hung may have missed a nudge, so there is no waiting yet.
local function wait_for_bell(group)
  if not has_bell(group) then
    local message
    waiting.take_down_bell(group)
    group._bell, message = bells.hang(group:fd(), group._directory)
    if group._bell and group._bell_tries then
      group._bell_tries = nil
      ngx.log(ngx.WARN, ("corosync: group %s is woken for events again"):format(quoted(group.name)))
    end
    return group._bell and true, message
  end
  return group._bell:wait(group._leave_by and group._leave_by - now())
end

-- Waits until an event may be there, or a nudge.
function waiting.for_event(group)
  if group._poll or group._bell_tries and now() < group._bell_at then
    return waiting.nap(group, group._poll or POLL)
  end
  local ok, message = wait_for_bell(group)
  if not ok then
    poll_from_now(group, message)
  end
end

-- Every waiter has a semaphore of its own: one that waits again must not take another's turn.
function waiting.until_true(group, predicate, deadline)
  local own = semaphore.new()
  group._waiting[own], group._waiters = true, group._waiters + 1
  local holds, left
  repeat
    left = deadline - now()
    if left > 0 then
      own:wait(math.min(left, DAY)) -- nginx counts milliseconds in 31 bits
    end
    holds = predicate()
  until holds or left <= 0 or left ~= left
  group._waiting[own], group._waiters = nil, group._waiters - 1
  return holds
end

return waiting
