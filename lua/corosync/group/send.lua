-- Sends a group's messages: waits until it has joined, and while Corosync cannot take more.
local KEY = require "corosync.private"
local activation = require "corosync.group.activation"
local connection = require "corosync.group.connection"
local counters = require "corosync.group.counters"
local errors = require "corosync.errors"
local handlers = require "corosync.group.handlers"
local retry = require "corosync.group.retry"
local script_calls = require "corosync.script_calls"
local state = require "corosync.group.state"

local send = {}

-- Activates the group if need be, and waits until it has joined. Returns true once it can send, or nil, message, code.
local function wait_until_joined(record)
  if record.hooks.activates_to_send and not activation.is_active(record) then
    local ok, message, code = activation.activate(record)
    if not ok then
      return nil, message, code
    end
  end
  if state.is_joining(record) then
    local function is_over() return not state.is_joining(record) end
    local ok, message, code = script_calls.waiting(record.hooks.wait_for, record, is_over, record.object.timeout,
      "complete the join of")
    if not ok then
      return nil, message, code
    end
  end
  if record.state == "reconnecting" then
    return errors.failure("send to", record.object, connection.AWAY, "not_connected")
  elseif record.state ~= "joined" then
    return errors.failure("send to", record.object, "it is not active: activate it first", "not_joined")
  end
  return true
end

-- Called after a send that has failed. Returns true, or nil, message, code.
local function send_again(record, message, guarantee, why, code)
  if retry.may_help(record, code) then
    return retry.again(record, "send to", why, code, "send", message, guarantee)
  end
  return nil, why, code
end

local function send_now(record, message, guarantee)
  local ok, why, code = true, nil, nil
  if record.state ~= "joined" then
    ok, why, code = wait_until_joined(record)
  end
  if not ok then
    return nil, why, code
  elseif record.send_waits then
    return errors.failure("send to", record.object, "an earlier send waits for room: send this one later", "backlog")
  end
  ok, why, code = errors.call("send_message", -1, record.handle.send, record.handle, message, guarantee)
  if ok then
    return true
  end
  return send_again(record, message, guarantee, why, code)
end

local function send_observed(record, message, guarantee)
  local number = handlers.observe(record, "send", message)
  local ok, why, code = send_now(record, message, guarantee)
  if number then
    handlers.observe(record, "sent", number, ok, code)
  end
  if ok then
    return true
  end
  return nil, why, code
end

local function count_failure(record, ok, why, code)
  if ok then
    return true
  end
  counters.note_failure(record, code)
  return nil, why, code
end

-- Called for each send that the handle has not accepted at once. `why` and `code` are set if the handle refused it.
function send.message(group, message, guarantee, why, code)
  local record = type(group) == "table" and group[KEY]
  if why then
    return count_failure(record, send_again(record, message, guarantee, why, code))
  elseif not record then
    errors.raise "send_message is a method: call it with a colon, as group:send_message(message)"
  end
  return count_failure(record, (record.is_observed and send_observed or send_now)(record, message, guarantee))
end

-- Returns true, or nil, message, code.
function send.flush(record)
  local ok, message, code = true, nil, nil
  if state.is_member(record) then
    ok, message, code = retry.call(record, "flush", "flush")
  end
  if ok then
    return true
  end
  return nil, message, code
end

return send
