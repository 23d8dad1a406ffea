-- The descriptor of a group for controllers such as cqueues's, which remember the descriptors that they poll. It
-- belongs to the group object and stays the same through all activations: a pollset that follows the present
-- connection, with a timer that makes it readable for events that the connection's descriptor does not show.
local core = require "corosync.binding"
local errors = require "corosync.errors"

local pollfd = {}

-- Whether the group has left to join again later, as a replica does whose storage fails.
function pollfd.is_paused(record)
  return record.is_paused and record.state == "idle"
end

-- Must be called after events may have moved out of the connection's descriptor, or back.
function pollfd.show_hidden(record)
  if not record.pollfd then
    return
  end
  local is_over = record.state == "idle" and not record.is_paused
  local hidden = is_over or record.handle ~= nil and record.handle:timeout() == 0
  if hidden ~= record.shows_hidden then
    record.pollfd:arm(hidden and 0 or nil)
    record.shows_hidden = hidden
  end
end

-- The object whose descriptor is readable when dispatch has something to do: the connection, several connections in a
-- pollset, or the timer for the next try to reconnect. Of a paused group, the descriptor for controllers: nothing
-- handles the events of a connection that it has opened to ask.
function pollfd.source(record)
  if pollfd.is_paused(record) then
    return record.pollfd
  end
  return record.state == "reconnecting" and record.timer or record.pollset or record.handle
end

-- Returns the descriptor of this object, or nil, message, code.
function pollfd.fd(record)
  if pollfd.is_paused(record) then
    return pollfd.get(record)
  elseif record.state == "idle" then
    return errors.failure("wait for", record.object, "it is not active: activate it first", "not_joined")
  end
  return pollfd.source(record):fd()
end

-- Must be called when a connection was opened. Returns true, or nil, message, code.
function pollfd.follow(record)
  local ok, message, code = true, nil, nil
  if record.pollfd and record.state ~= "idle" then
    ok, message, code = record.pollfd:follow(pollfd.source(record):fd())
  end
  pollfd.show_hidden(record)
  return ok, message, code
end

-- Must be called before the connection is closed.
function pollfd.forget(record)
  if record.pollfd then
    record.pollfd:follow()
  end
end

-- Returns the descriptor, and opens it at the first call; or nil, message, code.
function pollfd.get(record)
  if not record.pollfd then
    local message, code
    record.pollfd, message, code = core.pollset()
    local ok = record.pollfd
    if ok then
      ok, message, code = pollfd.follow(record)
    end
    if not ok then
      record.pollfd, record.shows_hidden = nil, nil
      return nil, message, code
    end
  end
  return record.pollfd:fd()
end

return pollfd
