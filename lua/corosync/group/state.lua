-- The state of a group. No other file assigns it.
local TRANSITIONS = {
  -- event: the states in which it may happen, and the next one
  join = { idle = "joining" }, -- the request to join was sent
  joined = { joining = "joined" }, -- config_change lists this member in `joined`
  leave = { joining = "leaving", joined = "leaving" }, -- the request to leave was sent
  left = { joining = "left", joined = "left", leaving = "left" }, -- config_change lists this member in `left`
  wait = { idle = "reconnecting" }, -- for the next try to reconnect
  disconnect = { -- the connection was closed
    idle = "idle",
    joining = "idle",
    joined = "idle",
    leaving = "idle",
    left = "idle",
    reconnecting = "idle",
  },
}

local state = { TRANSITIONS = TRANSITIONS, FIRST = "idle" }

-- Sets the handle that sends use directly: that of a joined group whose sends no recorder observes, and none while a
-- send waits for room.
local function set_sender(record)
  local is_free = record.state == "joined" and not record.is_observed and not record.send_waits
  record.sender = is_free and record.handle or nil
end

function state.change(record, event)
  local to = TRANSITIONS[event][record.state]
  if not to then
    error(("a group that is %s cannot change by '%s'"):format(record.state, event), 2)
  end
  record.state = to
  set_sender(record)
end

-- Whether a send waits for room: sends inside the handlers that it calls must not take that room.
function state.set_send_waits(record, waits)
  record.send_waits = waits
  set_sender(record)
end

function state.is_member(record)
  return record.state == "joining" or record.state == "joined"
end

-- Whether the group is joining, or will join as soon as it has left.
function state.is_joining(record)
  return record.state == "joining" or record.rejoin
end

return state
