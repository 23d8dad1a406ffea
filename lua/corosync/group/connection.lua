-- A group's connection: opened to join or to ask, closed when the group has left or the connection is lost.
local arguments = require "corosync.group.arguments"
local core = require "corosync.binding"
local counters = require "corosync.group.counters"
local handlers = require "corosync.group.handlers"
local pollfd = require "corosync.group.pollfd"
local state = require "corosync.group.state"
local view = require "corosync.group.view"

local connection = {
  -- The message of calls that fail while the group reconnects.
  AWAY = "Corosync on this node is away: the group reconnects when Corosync is back",
  -- Codes of a connection that is from before the daemon's restart, or belongs to the parent of this fork.
  STALE = { not_connected = true, wrong_process = true },
}

-- Returns this member's entry in a list of members, if it is there.
local function find(addresses, own)
  for _, address in ipairs(addresses) do
    if address == own then
      return address
    end
  end
end

-- Corosync may report a leave that was not asked for: a process that rejoins at once may be told of the end of its
-- earlier membership, if Corosync had not delivered that before. The group must then join again.
local function leave(record, reason)
  record.is_expelled = state.is_member(record) and reason ~= "leave"
  record.rejoin = record.rejoin or record.is_expelled
  state.change(record, "left")
end

-- Called before the script's handlers of the same names, so that these see the group's new state and may, for instance,
-- send.
local before = {}

function before.config_change(record, members, left, joined)
  local own = record.handle:address()
  counters.note(record, "config_changes")
  record.views:config_change(members, left, joined)
  local departed = find(left, own)
  if record.state == "joining" and find(joined, own) then
    state.change(record, "joined")
  elseif departed and record.state ~= "left" then
    leave(record, departed.reason)
  end
end

function before.ring_change(record, ring, nodes)
  record.views:ring_change(ring, nodes)
end

-- Returns the connection, and opens it if there is none. A handle that has left cannot join again, so each activation
-- has a new one.
function connection.open(record)
  if record.handle then
    return record.handle
  end
  record.is_observed = handlers.observers ~= nil
  handlers.observe(record, "open")
  local own = handlers.for_handle(record, before)
  function own.error(message) handlers.report(record, message) end
  record.handle_handlers = own
  own.previous = record.previous
  local handle, message, code = record.hooks.open(own)
  own.previous = nil -- or all earlier handles would be kept
  record.handle = handle
  record.address = handle and handle:address() or record.address
  return handle, message, code
end

-- Takes the group out of its loop, before its descriptor is closed or replaced.
local function unwatch(record)
  if record.loop then
    record.loop.remove(record)
  end
  pollfd.forget(record)
end

function connection.close(record)
  unwatch(record)
  if record.state == "reconnecting" and record.timer then
    record.timer:arm()
  end
  if record.pollset then
    record.pollset:close()
  end
  if record.views then
    record.views:close()
  end
  if record.handle then
    counters.keep(record)
    record.handle:close()
    record.previous = record.handle
  end
  record.pollset, record.views, record.given_up_at, record.handle = nil, nil, nil, nil
  state.change(record, "disconnect")
  pollfd.show_hidden(record)
end

local function new_views(record)
  return view.new(arguments.option(record.handlers, "daemon_user"), record.hooks.open_quorum)
end

-- Opens the connection to quorum, without which there are no views. Returns true, or nil, message, code.
function connection.open_views(record)
  record.views = record.views or new_views(record)
  return record.views:open()
end

-- For a group with a view_change handler, opens the connection to quorum, and makes one descriptor for both
-- connections.
function connection.prepare_views(record)
  record.views = record.views or new_views(record)
  if not handlers.find(record, "view_change") then
    return true
  end
  local fd, message, code = record.handle:fd()
  local ok = fd
  if ok then
    ok, message, code = connection.open_views(record)
  end
  if ok then
    record.pollset, message, code = core.pollset(fd, record.views:fd())
  end
  return record.pollset and true, message, code
end

-- Opens the timer for tries to reconnect before it is needed, because descriptors may be used up by then. A loop that
-- waits in its own way needs none. Returns true, or nil, message, code.
function connection.prepare_timer(record)
  if record.timer or record.loop and record.loop.pause then
    return true
  end
  local message, code
  record.timer, message, code = core.pollset()
  return record.timer and true, message, code
end

-- Closes the timer, because the group will not reconnect.
function connection.release_timer(record)
  if record.timer then
    record.timer:close()
    record.timer = nil
  end
end

-- Lets the loop and the pollfd wait for the present descriptor. Returns true, or nil, message, code.
function connection.watch(record)
  local ok, message, code = pollfd.follow(record)
  if ok and record.loop then
    return record.loop.watch(record)
  end
  return ok, message, code
end

-- Returns the value of a method of the handle, which is opened if need be; or nil, message, code.
function connection.ask(record, method, ...)
  local kept = record.state == "idle" and record.handle
  local handle, message, code = connection.open(record)
  if not handle then
    return nil, message, code
  end
  local value
  value, message, code = handle[method](handle, ...)
  if value ~= nil then
    return value
  elseif kept and connection.STALE[code] then
    connection.close(record)
    return connection.ask(record, method, ...)
  end
  return nil, message, code
end

return connection
