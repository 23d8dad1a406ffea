-- A lost connection: the script is notified, and the group reconnects.
local connection = require "corosync.group.connection"
local counters = require "corosync.group.counters"
local handlers = require "corosync.group.handlers"
local membership = require "corosync.group.membership"
local reconnect = require "corosync.reconnect"
local state = require "corosync.group.state"

local loss = {}

-- Lets the loop wait for the next try, on a descriptor that becomes readable when the try is due. Returns true, or nil,
-- message, code.
local function wait(record, backoff)
  local ok, message, code = connection.prepare_timer(record)
  if not ok then
    return nil, message, code
  end
  record.timer:arm(reconnect.left(backoff))
  record.backoff = backoff
  state.change(record, "wait")
  ok, message, code = connection.watch(record)
  if not ok then
    connection.close(record)
  end
  return ok, message, code
end

function loss.notify(record, message)
  local disconnected = handlers.find(record, "disconnected")
  if disconnected then
    handlers.call(record, disconnected, message)
  else
    handlers.report(record, message)
  end
end

-- Tries to reconnect once, if it is time: dispatch must not wait.
function loss.try(record)
  local backoff = record.backoff
  if reconnect.left(backoff) > 0 then
    return
  end
  connection.close(record)
  local joined, message, _, is_news = reconnect.try(backoff, membership.join_now, record)
  if joined then
    return counters.note(record, "reconnects")
  end
  connection.close(record) -- a try that raised has not closed it
  local ok, problem = wait(record, backoff)
  if not ok then
    loss.notify(record, problem)
  elseif is_news then
    handlers.report(record, message)
  end
end

-- Begins to reconnect. The script is notified, even if that is impossible.
function loss.reconnect(record, message)
  local backoff = reconnect.new(record.address.pid)
  reconnect.schedule(backoff)
  local ok, problem = wait(record, backoff)
  loss.notify(record, ok and message or ("%s; and the group cannot reconnect: %s"):format(message, problem))
end

-- For a group that was to leave and join again, but could not join: it reconnects as after a loss, and its history
-- shows that.
function loss.follow_failed_join(record, message, code)
  handlers.observe(record, "activate")
  handlers.observe(record, "lost", code)
  record.hooks.reconnect(record, message)
end

-- Closes a lost connection. The group reconnects, unless it was leaving, or has overflowed and would do so again.
function loss.lose(record, message, code)
  handlers.observe(record, "lost", code)
  record.hooks.on_lost(record, message, code)
  local wanted = (state.is_member(record) or record.rejoin) and code ~= "overflow"
  connection.close(record)
  record.rejoin, record.ended_by = false, not wanted and code or nil
  if wanted then
    record.hooks.reconnect(record, message)
  else
    connection.release_timer(record)
    loss.notify(record, message)
  end
end

return loss
