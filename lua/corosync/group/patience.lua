-- What a group does while a call cannot be taken yet: the cluster's membership is changing, much is on its way, or what
-- the group has sent waits for its handlers.
local core = require "corosync.binding"
local failure = require "corosync.failure"
local pollable = require "corosync.group.pollable"
local quoted = require "corosync.quoted"

local FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1 -- seconds between tries

local now = core.now

local patience = {}

-- Waits for the next try, moving what arrives out of Corosync's way without calling handlers. Nil, message, code when
-- that fails. A loop whose users must not block waits in its own way; nil alone when it cannot.
local function pause(group, seconds)
  if group._loop and group._loop.pause then
    return group._loop.pause(group, seconds)
  end
  local queued, message, code = group._handle:fetch(seconds)
  if queued and group._loop then
    group._loop.wake(group)
  end
  pollable.show_hidden(group)
  return queued, message, code
end

-- Lets handlers take something of what waits for them. Nil, message, code when that fails; nil alone inside one of the
-- group's handlers.
local function make_room(group, seconds)
  if group._loop.make_room then
    return group._loop.make_room(group, seconds)
  end
  group._loop.wake(group) -- for what is taken over here, and not handled
  local handled, message, code = group:dispatch(1)
  if not handled and code == "dispatching" then
    return nil
  end
  return handled, message, code
end

local WAITING = { backlog = make_room, try_again = pause }

-- What could not be done is said once, though the connection said it too.
local function time_out(group, what, message)
  local attempt = ("cannot %s group %s: "):format(what, quoted(group.name))
  local why = message:sub(1, #attempt) == attempt and message:sub(#attempt + 1) or message
  return failure(what, group, ("after %g s: %s"):format(group.timeout, why), "timeout")
end

local function ended_meanwhile(group, what)
  if group._retry or group._lost or group._ended_by then
    return failure(what, group, "the connection was lost meanwhile", "not_connected")
  end
  return failure(what, group, "a handler has left the group meanwhile", "not_joined")
end

-- Whether `try_again` may help. Without a loop, only `dispatch` calls handlers.
function patience.may_help(group, code)
  return code == "try_again" or code == "backlog" and group._loop
end

-- Calls a method of the handle again until it returns something else than "try_again" or "backlog", for at most
-- `timeout` seconds. The code is the one that it has returned before, with the message.
function patience.try_again(group, what, message, code, method, ...)
  local deadline, wait, handle = now() + group.timeout, FIRST_PAUSE, group._handle
  local ok
  while patience.may_help(group, code) do
    local left = deadline - now()
    if left <= 0 or left ~= left then
      return time_out(group, what, message)
    end
    local waited, why, failed = WAITING[code](group, code == "backlog" and left or math.min(wait, left))
    if waited == nil then
      return nil, why or message, failed or code
    elseif group._handle ~= handle then
      return ended_meanwhile(group, what)
    end
    wait = code == "backlog" and wait or math.min(2 * wait, LONGEST_PAUSE)
    ok, message, code = handle[method](handle, ...)
  end
  if ok then
    return true
  end
  return nil, message, code
end

-- Calls a method of the handle, and again while Corosync cannot take it.
function patience.persist(group, what, method, ...)
  local handle = group._handle
  local ok, message, code = handle[method](handle, ...)
  if patience.may_help(group, code) then
    return patience.try_again(group, what, message, code, method, ...)
  end
  return ok, message, code
end

return patience
