-- The hooks of corosync.group for groups in nginx: their light threads connect and wait.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local loss = require "corosync.group.loss"
local thread = require "corosync.resty.thread"
local waiting = require "corosync.resty.waiting"

local failure, now = errors.failure, core.now

local hooks = {}

-- A group that overflowed would overflow again.
function hooks.on_lost(record, message, code)
  record.lost = message
  record.wanted = record.wanted and code ~= "overflow"
  waiting.wake_waiters(record)
end

-- The light thread reconnects.
function hooks.reconnect(record, message)
  record.lost = message
  loss.notify(record, message)
end

function hooks.log(line)
  ngx.log(ngx.ERR, line)
end

-- A worker that is exiting must not join again, or it would never end.
function hooks.activate(record)
  if ngx.worker.exiting() then
    return failure("activate", record.object, "its worker is exiting", "closed")
  end
  local ok, message, code = true, nil, nil
  if record.node then
    ok, message, code = record.node:start()
  end
  if not ok then
    return nil, message, code
  end
  record.wanted, record.lost = true, nil
  return thread.start(record)
end

-- Called repeatedly in an exiting worker until it returns true.
function hooks.may_leave()
  return true
end

function hooks.wait_for(record, predicate, seconds, action)
  if predicate() then
    return true
  elseif record.thread and record.thread == coroutine.running() then
    return failure(action, record.object, "its own handler would wait for itself", "dispatching")
  elseif not waiting.is_allowed() then
    return failure(action, record.object, ("nothing can wait in the phase '%s'"):format(ngx.get_phase()), "wrong_phase")
  elseif waiting.until_true(record, predicate, now() + seconds) then
    return true
  elseif waiting.is_over(record) then
    return failure(action, record.object, waiting.OVER, "not_joined")
  end
  local problem = thread.problem(record)
  return failure(action, record.object, ("not within %g s%s"):format(seconds, problem and ": " .. problem or ""),
    "timeout")
end

return hooks
