-- A service's connection is opened, lost and opened anew. The script is notified in order: the events of a lost
-- connection, the loss, the new connection, its events.
local core = require "corosync.binding"
local reconnect = require "corosync.reconnect"
local script_calls = require "corosync.script_calls"

local connection = {}

local NOTIFIED = { connected = true, disconnected = true } -- handlers that are not the handle's

-- A function of the script, called under the host's guard if there is one.
function connection.guarded(handler)
  if not script_calls.guard then
    return handler
  end
  return function(...) return script_calls.unwrap(script_calls.guard(handler, ...)) end
end

-- The handle's handlers, looked up in the given table at each event, so that they can be replaced.
local function handle_handlers(given)
  local own = {}
  for name, value in pairs(given) do
    if not NOTIFIED[name] then
      own[name] = type(value) == "function" and connection.guarded(function(...)
        if given[name] then
          return script_calls.limited(given[name], ...)
        end
      end) or value
    end
  end
  return own
end

-- A handle that is opened with a handler tracks from the start: so after `untrack` handlers are added later.
local function open_handle(record)
  local own, later = handle_handlers(record.handlers), {}
  for name, value in pairs(own) do
    if record.tracks == false and type(value) == "function" then
      later[name], own[name] = value, nil
    end
  end
  local handle, message, code = record.open(own)
  for name, value in pairs(later) do
    own[name] = value
  end
  return handle, message, code
end

-- Trackers of lost connections whose events are not all handled are kept, to be cancelled as well.
local function add_tracker(record, tracker, new)
  local first = record.pending[1]
  if not first or not first.handle then
    tracker.trackers = {}
  end
  table.insert(tracker.trackers, new)
end

-- Tracks with this handle as with the last one. Returns true, or nil, message, code.
local function restore(record, handle)
  for tracker in pairs(record.trackers) do
    local new, message, code = handle:track(tracker.key, tracker.handler)
    if not new then
      return nil, message, code
    end
    add_tracker(record, tracker, new)
  end
  if record.tracks then
    return handle:track()
  end
  return true
end

-- Returns true, or nil, message, code.
function connection.open(record)
  local handle, message, code = open_handle(record)
  if not handle then
    return nil, message, code
  end
  local ok
  ok, message, code = restore(record, handle)
  if ok then
    ok, message, code = record.pollset:follow(handle:fd())
  end
  if not ok then
    handle:close()
    return nil, message, code
  end
  record.handle, record.last = handle, handle
  reconnect.succeeded(record.backoff)
  return true
end

-- Makes the descriptor readable when the next try is due, or at once if there is something to notify of.
function connection.arm(record)
  if record.pending[1] then
    record.pollset:arm(0)
  elseif record.handle then
    record.pollset:arm()
  else
    record.pollset:arm(reconnect.left(record.backoff))
  end
end

local function report(record, message)
  local handler = record.handlers.error
  local ok, second = true, nil
  if handler then
    ok, second = script_calls.try(handler, message)
  end
  if not handler or not ok then
    core.complain("corosync: " .. (second and second .. ", after: " or "") .. message)
  end
end

-- Calls `disconnected` and `connected`, before the next connection's events: in `dispatch`, not within the call that
-- has met the loss.
function connection.notify(record)
  local pending = record.pending
  while pending[1] and pending[1].name and not record.closed and not record.stopped do
    local event = table.remove(pending, 1)
    local handler = record.handlers[event.name]
    local ok, problem = true, nil
    if handler then
      ok, problem = script_calls.try(handler, event.message)
    end
    if not ok then
      report(record, problem)
    end
  end
end

-- The connection is lost: its queued events are still delivered, and then `disconnected` is called.
function connection.lose(record, message)
  record.pollset:follow()
  table.insert(record.pending, { handle = record.handle })
  table.insert(record.pending, { name = "disconnected", message = message })
  record.handle = nil
  reconnect.schedule(record.backoff)
end

-- Returns true, or nil, message, code.
function connection.reopen(record)
  local ok, message, code = connection.open(record)
  if ok then
    table.insert(record.pending, { name = "connected" })
  end
  return ok, message, code
end

-- Tries to reconnect if it is time.
function connection.try(record)
  if reconnect.left(record.backoff) > 0 then
    return
  end
  local ok, message, _, is_news = reconnect.try(record.backoff, connection.reopen, record)
  if not ok and is_news then
    report(record, message)
  end
end

-- The connection whose events come next: a lost one's, until all are delivered.
function connection.oldest(record)
  local first = record.pending[1]
  return first and first.handle or record.handle
end

-- A connection is lost, and all its events are delivered.
function connection.finish(record, handle, message)
  if handle == record.handle then
    connection.lose(record, message)
  end
  handle:close()
  table.remove(record.pending, 1)
  connection.notify(record)
end

function connection.close(record)
  record.closed = true
  if record.loop then
    record.loop.remove(record)
  end
  record.pollset:close()
  for _, each in ipairs(record.pending) do
    if each.handle then
      each.handle:close()
    end
  end
  record.pending = {}
  if record.handle then
    record.handle:close()
    record.handle = nil
  end
end

-- Returns nil, message, code: the service is closed.
function connection.refuse(record, action)
  return nil, ("cannot %s %s: it is closed"):format(action, record.name), "closed"
end

return connection
