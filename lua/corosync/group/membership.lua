-- Requests to join and to leave. A change of members completes them (connection.lua).
local connection = require "corosync.group.connection"
local retry = require "corosync.group.retry"
local state = require "corosync.group.state"

local LEAST = 5 -- seconds that a leave waits for Corosync's reply, also if the group's timeout is shorter, such as 0

local membership = {}

-- Connects and asks to join, once. Returns true; or nil, message, code, and the group is idle.
local function try_to_join(record, join)
  record.ended_by = nil
  local handle, message, code = connection.open(record)
  local ok = handle
  if ok then
    ok, message, code = connection.prepare_timer(record)
  end
  if ok then
    ok, message, code = connection.prepare_views(record)
  end
  if ok then
    ok, message, code = join(record)
  end
  if ok then
    state.change(record, "join")
    ok, message, code = connection.watch(record)
  end
  if not ok then
    connection.close(record)
  end
  return ok, message, code
end

local function join_with_retries(record)
  return retry.call(record, "join", "join", record.object.name)
end

local function join_once(record)
  return record.handle:join(record.object.name)
end

-- Joins. Waits while the cluster's membership is changing.
function membership.join(record)
  local kept = record.handle ~= nil
  local ok, message, code = try_to_join(record, join_with_retries)
  if not ok and kept and connection.STALE[code] then
    ok, message, code = try_to_join(record, join_with_retries)
  end
  if ok then
    return true
  end
  connection.release_timer(record)
  return nil, message, code
end

-- Joins, or fails if this is not possible at once.
function membership.join_now(record)
  return try_to_join(record, join_once)
end

-- Leaves. If Corosync does not reply, the connection is closed. Returns true, or nil, message, code.
function membership.leave(record)
  local timeout = record.object.timeout
  local ok, message, code = retry.call(record, "leave", "leave", timeout > LEAST and timeout or LEAST) -- NaN: LEAST
  -- With "not_joined" the reader may have left at its limit. The events that it kept are handled before the reason.
  if ok or code == "not_joined" then
    if state.is_member(record) then
      state.change(record, "leave")
    end
  elseif code == "not_connected" then
    connection.close(record)
    connection.release_timer(record)
  else
    return nil, message, code
  end
  return true
end

return membership
