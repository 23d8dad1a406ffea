-- A lost connection: the script hears of it, and the group comes back by itself.
local backoff = require "corosync.backoff"
local core = require "corosync.binding"
local handlers = require "corosync.handlers"
local life = require "corosync.group.life"

local now = core.now

local EXPECTED = { exist = true, not_connected = true, try_again = true }

local comeback = {}

-- Waits for the next try, on a descriptor that is readable when its time has come.
local function schedule(group, tries)
  local ok, message, code = life.prepare_return(group)
  if not ok then
    return nil, message, code
  end
  local seconds = backoff.seconds(tries, group._address.pid)
  group._timer:arm(seconds)
  group._state = "reconnecting"
  group._retry = { timer = group._timer, tries = tries, at = now() + seconds }
  ok, message, code = life.watch(group)
  if not ok then
    life.disconnect(group)
  end
  return ok, message, code
end

-- A try that raises, when memory is refused or by a finalizer, must not be the last.
local function join_safely(group)
  local ok, joined, message, code = pcall(life.join_now, group)
  if not ok then
    life.disconnect(group)
    return nil, joined
  end
  return joined, message, code
end

-- Not to wait for that inside a dispatch, there is one try, and then the next has its time.
function comeback.try(group)
  local last = group._retry
  if now() < last.at then
    return
  end
  life.disconnect(group)
  local joined, message, code = join_safely(group)
  if joined then
    return
  end
  local cause = code or message -- what lacks descriptors fails here and there
  local is_news = not EXPECTED[code] and cause ~= last.told
  local ok, problem = schedule(group, last.tries + 1)
  if not ok then
    group:_tell_disconnected(problem)
    return
  end
  group._retry.told = is_news and cause or last.told
  if is_news then
    handlers.report(group, message)
  end
end

function comeback.tell_disconnected(group, message)
  local disconnected = handlers.find(group, "disconnected")
  if disconnected then
    handlers.call(group, disconnected, message)
  else
    handlers.report(group, message)
  end
end

-- Whatever keeps it away now, it comes back; unless that cannot be, which the script hears, too.
function comeback.stay_wanted(group, message)
  local ok, problem = schedule(group, 0)
  group:_tell_disconnected(ok and message or ("%s; and the group does not come back: %s"):format(message, problem))
end

-- The handle is of no more use: the script hears why, and the group comes back by itself. But not when it has left
-- since its handlers lag: it would soon be there again.
function comeback.lose(group, message, code)
  local wanted = (life.is_member(group) or group._rejoin) and code ~= "overflow"
  life.disconnect(group)
  group._rejoin, group._ended_by = false, not wanted and code or nil
  if wanted then
    group:_stay_wanted(message)
  else
    life.release(group)
    group:_tell_disconnected(message)
  end
end

return comeback
