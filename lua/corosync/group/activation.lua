-- `activate` and `deactivate` of a group. membership.lua joins and leaves.
local connection = require "corosync.group.connection"
local handlers = require "corosync.group.handlers"
local membership = require "corosync.group.membership"
local state = require "corosync.group.state"

local activation = {}

function activation.is_active(record)
  return state.is_member(record) or record.state == "reconnecting" or record.rejoin
end

-- Returns true, or nil, message, code.
function activation.activate(record)
  local ok, message, code = record.hooks.before_activate(record)
  if not ok then
    return nil, message, code
  end
  handlers.observe(record, "activate")
  if record.state == "leaving" or record.state == "left" then
    record.rejoin = true
  elseif record.state == "idle" then
    ok, message, code = membership.join(record)
  end
  if not ok then
    handlers.observe(record, "not_activated", code)
    return nil, message, code
  end
  return true
end

-- Returns true, or nil, message, code.
function activation.deactivate(record)
  record.rejoin = false
  local ok, message, code = true, nil, nil
  if record.state == "reconnecting" then
    connection.close(record)
    connection.release_timer(record)
  elseif state.is_member(record) then
    ok, message, code = membership.leave(record)
  end
  if not ok then
    return nil, message, code
  end
  handlers.observe(record, "deactivate")
  return true
end

return activation
