-- What a group does while Corosync cannot take a call yet: the cluster's membership is changing, or much is on its way.
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

-- What could not be done is said once, though the connection said it too.
local function time_out(group, what, message)
  local attempt = ("cannot %s group %s: "):format(what, quoted(group.name))
  local why = message:sub(1, #attempt) == attempt and message:sub(#attempt + 1) or message
  return failure(what, group, ("after %g s: %s"):format(group.timeout, why), "timeout")
end

-- Calls a method of the handle again until it answers something else than "try_again", for at most `timeout` seconds.
function patience.try_again(group, what, message, method, ...)
  local deadline, wait, handle = now() + group.timeout, FIRST_PAUSE, group._handle
  local ok, code = nil, "try_again"
  while code == "try_again" do
    local left = deadline - now()
    if left <= 0 or left ~= left then
      return time_out(group, what, message)
    end
    local waited, why, failed = pause(group, math.min(wait, left))
    if waited == nil then
      return nil, why or message, failed or code
    elseif group._handle ~= handle then
      return failure(what, group, "the connection was lost meanwhile", "not_connected")
    end
    wait = math.min(2 * wait, LONGEST_PAUSE)
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
  if code == "try_again" then
    return patience.try_again(group, what, message, method, ...)
  end
  return ok, message, code
end

return patience
