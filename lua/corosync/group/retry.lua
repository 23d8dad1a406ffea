-- Repeats calls of Corosync for a while, if they fail because the cluster's membership is changing, because many
-- messages are on their way, or because messages that the group has sent wait for its handlers.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local pollfd = require "corosync.group.pollfd"
local script_calls = require "corosync.script_calls"
local state = require "corosync.group.state"

local FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1 -- seconds between tries

local now = core.now

local retry = {}

-- Waits for the next try, and takes events from Corosync without calling handlers. Returns nil, message, code if that
-- fails. A loop whose users must not block waits in its own way; the result is nil alone if it cannot.
local function pause(record, seconds)
  if record.loop and record.loop.pause then
    return record.loop.pause(record, seconds)
  end
  local queued, message, code = record.handle:fetch(seconds)
  if queued and record.loop then
    record.loop.wake(record)
  end
  pollfd.show_hidden(record)
  return queued, message, code
end

-- Calls a handler, so that fewer events wait. Returns nil, message, code if that fails; nil alone inside one of the
-- group's handlers.
local function make_room(record, seconds)
  if record.loop.make_room then
    return record.loop.make_room(record, seconds)
  end
  record.loop.wake(record) -- for events that are fetched here and not handled
  state.set_send_waits(record, true)
  local ok, handled, message, code = script_calls.pcall(record.hooks.dispatch, record, 1)
  state.set_send_waits(record, false)
  if not ok then
    error(handled, 0)
  elseif not handled and code == "dispatching" then
    return nil
  end
  return handled, message, code
end

local WAITING = { backlog = make_room, try_again = pause }

-- Returns the failure after the timeout. The handle's message begins like the group's, so that part is removed.
local function time_out(record, action, message)
  local group = record.object
  local attempt = ("cannot %s group %s: "):format(action, errors.quote(group.name))
  local why = message:sub(1, #attempt) == attempt and message:sub(#attempt + 1) or message
  return errors.failure(action, group, ("after %g s: %s"):format(group.timeout, why), "timeout")
end

local function ended_meanwhile(record, action)
  if record.state == "reconnecting" or record.lost or record.ended_by then
    return errors.failure(action, record.object, "the connection was lost meanwhile", "not_connected")
  end
  return errors.failure(action, record.object, "a handler has left the group meanwhile", "not_joined")
end

-- Whether `again` may help. Without a loop only `dispatch` calls handlers.
function retry.may_help(record, code)
  return code == "try_again" or code == "backlog" and record.loop
end

local function again(record, action, message, code, method, ...)
  local timeout, handle = record.object.timeout, record.handle
  local deadline, wait = now() + timeout, FIRST_PAUSE
  local ok
  while retry.may_help(record, code) do
    local left = deadline - now()
    if left <= 0 or left ~= left then
      return time_out(record, action, message)
    end
    local waited, why, failed = WAITING[code](record, code == "backlog" and left or math.min(wait, left))
    if waited == nil then
      return nil, why or message, failed or code
    elseif record.handle ~= handle then
      return ended_meanwhile(record, action)
    end
    wait = code == "backlog" and wait or math.min(2 * wait, LONGEST_PAUSE)
    ok, message, code = handle[method](handle, ...)
  end
  if ok then
    return true
  end
  return nil, message, code
end

-- Calls a method of the handle again until it returns something else than "try_again" or "backlog", for at most
-- `timeout` seconds. `message` and `code` are those of the previous call.
function retry.again(...)
  return script_calls.waiting(again, ...)
end

-- Calls a method of the handle, and again while Corosync cannot take it.
function retry.call(record, action, method, ...)
  local ok, message, code = record.handle[method](record.handle, ...)
  if retry.may_help(record, code) then
    return retry.again(record, action, message, code, method, ...)
  end
  return ok, message, code
end

return retry
