-- The events of a service, and what loops need to wait for them.
local connection = require "corosync.service.connection"

local dispatch = {}

local FATAL = { not_connected = true, no_memory = true }

function dispatch.dispatch(record, budget)
  if record.closed then
    return connection.refuse(record, "dispatch")
  end
  record.stopped = false
  connection.notify(record)
  if record.stopped and not record.closed then
    connection.arm(record)
    return 0, true
  end
  local handle, handled, more, code = connection.oldest(record), 0, false, nil
  if handle then
    handled, more, code = handle:dispatch(budget)
  elseif not record.closed then
    connection.try(record)
  end
  if FATAL[code] then
    connection.finish(record, handle, more)
    handled, more = 0, record.handle ~= nil
  end
  if not record.closed then
    connection.arm(record)
  end
  if not handled then
    return nil, more, code
  end
  return handled, more
end

local function received(record, handle, event, ...)
  local message, code = ...
  local is_lost = event == nil and FATAL[code]
  if is_lost then
    connection.finish(record, handle, message)
  end
  if not record.closed then
    connection.arm(record)
  end
  if not is_lost then
    return event, ...
  end
end

function dispatch.receive(record)
  if record.closed then
    return connection.refuse(record, "receive from")
  end
  record.stopped = false
  connection.notify(record)
  local handle = connection.oldest(record)
  if handle then
    return received(record, handle, handle:receive())
  elseif not record.closed then
    connection.try(record)
    connection.arm(record)
  end
end

function dispatch.stop(record)
  record.stopped = true
  local handle = connection.oldest(record)
  if handle then
    handle:stop()
  end
end

function dispatch.fd(record)
  if record.closed then
    return connection.refuse(record, "wait for")
  end
  return record.pollset:fd()
end

-- Whether there is something to do that the descriptor need not show.
function dispatch.has_events(record)
  return record.closed or record.pending[1] ~= nil or record.handle ~= nil and record.handle:timeout() == 0
end

return dispatch
