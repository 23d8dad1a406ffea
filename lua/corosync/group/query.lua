-- Returns a group's address, members and view: those that its handlers were last called with, or Corosync's reply. Each
-- function returns nil, message, code if it fails.
local connection = require "corosync.group.connection"
local errors = require "corosync.errors"

local query = {}

function query.address(record)
  if record.state == "reconnecting" then
    return record.address
  end
  return connection.ask(record, "address")
end

function query.members(record)
  if record.state == "reconnecting" then
    return errors.failure("list the members of", record.object, connection.AWAY, "not_connected")
  end
  local told = record.views and record.views:copy_members()
  if told then
    return told
  end
  return connection.ask(record, "members", record.object.name)
end

-- Without a view_change handler dispatch makes no views, so they are made here. Returns true, or nil, message, code.
local function look_for_view(record, settle, timeout)
  local views, loop = record.views, record.loop
  local ok, message, code = views:fetch(loop and loop.longest_wait or timeout)
  if not ok and loop then
    loop.wake(record) -- so that dispatch meets the loss, too
  end
  if not ok then
    return nil, message, code
  elseif (views:due(settle) or 1) <= 0 then
    views:make()
  end
  return true
end

function query.view(record)
  if record.state == "reconnecting" then
    return errors.failure("give the view of", record.object, connection.AWAY, "not_connected")
  elseif record.state ~= "joined" then
    return errors.failure("give the view of", record.object, "it has not joined", "not_joined")
  end
  local ok, message, code = record.views:open()
  if ok and not record.pollset then
    ok, message, code = look_for_view(record, record.object.settle, record.object.timeout)
  end
  if not ok then
    return nil, message, code
  end
  local present = record.views:present()
  if not present then
    return errors.failure("give the view of", record.object, "the cluster is changing: try again shortly", "try_again")
  end
  return present
end

return query
