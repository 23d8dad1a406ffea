-- Handles that are closed after each spec, and waiting for their events.
local assert = require "luassert"
local core = require "corosync.core"
local cpg = require "corosync.cpg"
local process = require "spec_process"

local handles = { made = {} }
local loaded, names = ("%.6f"):format(core.now()), 0

-- A new name: no two specs meet in a group. Each spec file loads this file anew.
function handles.group_name()
  names = names + 1
  return ("spec %s %d"):format(loaded, names)
end

-- Closes a handle of any library after the spec.
function handles.keep(handle)
  table.insert(handles.made, handle)
  return handle
end

function handles.open(given)
  return handles.keep(assert(cpg.open(given or {})))
end

function handles.close_all()
  while #handles.made > 0 do
    table.remove(handles.made):close()
  end
end

-- Joins, once Corosync's queue has room after the spec before.
function handles.join(handle, name)
  local deadline = os.time() + 60
  local ok, message, code
  repeat
    ok, message, code = handle:join(name)
    if code == "try_again" then
      handle:wait(0.01)
    end
  until code ~= "try_again" or os.time() > deadline
  return ok, message, code
end

-- Another process joins the group and sends it so many numbered messages of so many bytes, while this one does nothing.
function handles.flood(name, count, size)
  assert.equal(0, process.fork(function()
    process.expire(300)
    local came_back, sent = 0, 0
    local handle = assert(cpg.open { message_received = function() came_back = came_back + 1 end })
    assert(handles.join(handle, name))
    while came_back < count do
      while sent < count and handle:send(("%d "):format(sent + 1) .. ("x"):rep(size)) do
        sent = sent + 1
      end
      handle:wait(1)
      assert(handle:dispatch())
    end
    return true
  end))
end

-- Dispatches until the predicate holds; a real daemon on this machine needs no longer than this.
function handles.dispatch_until(handle, predicate)
  local deadline = os.time() + 60
  while not predicate() do
    assert(os.time() < deadline, "timed out")
    local handled, more = assert(handle:dispatch())
    if handled == 0 and not more then
      handle:wait(1)
    end
  end
end

-- Leaves, once Corosync's queue has room.
function handles.leave(handle)
  handles.dispatch_until(handle, function()
    local ok, message, code = handle:leave()
    assert(ok or code == "try_again", message)
    return ok
  end)
end

-- Waits until the daemon knows no group: it notices later that the handles of earlier specs were closed, and with the
-- next change of any group it notifies each new handle of the ring.
function handles.wait_until_no_groups()
  local observer = handles.open()
  local deadline = os.time() + 60
  while assert(observer:groups())() do
    assert(os.time() < deadline, "there are still members")
    observer:wait(0.01)
  end
  assert(observer:close())
end

-- Waits until a group has no members, as when a reader has left it on its own.
function handles.wait_until_empty(name)
  local observer = handles.open()
  local deadline = os.time() + 60
  while #assert(observer:members(name)) > 0 do
    assert(os.time() < deadline, "still a member")
    observer:wait(0.01)
  end
  assert(observer:close())
end

-- Dispatches until that fails; returns the message and the code.
function handles.dispatch_until_failure(handle)
  local deadline = os.time() + 60
  local handled, message, code
  repeat
    assert(os.time() < deadline, "timed out")
    handled, message, code = handle:dispatch()
  until not handled
  return message, code
end

-- The next event.
function handles.receive(handle)
  local deadline = os.time() + 60
  while os.time() < deadline do
    local event = { handle:receive() }
    if event[1] or event[3] then
      return (table.unpack or unpack)(event, 1, 7) -- luacheck: ignore 113
    end
    handle:wait(1)
  end
  error("timed out")
end

-- Expects nil, a message and that code; returns the message.
function handles.fails(code, ...)
  local value, message, actual = ...
  assert.is_nil(value)
  assert.is_string(message)
  assert.equal(code, actual)
  return message
end

-- The code that each method returns without arguments, by the method's name.
function handles.codes(object, methods)
  local codes = {}
  for _, method in ipairs(methods) do
    codes[method] = select(3, object[method](object)) or "none"
  end
  return codes
end

-- A member with a record of all its events.
function handles.member(name, more)
  local record = { messages = {}, configs = {}, rings = {}, errors = {} }
  local handlers = {
    message_received = function(address, message) table.insert(record.messages, { address, message }) end,
    config_change = function(members, left, joined)
      table.insert(record.configs, { members = members, left = left, joined = joined })
    end,
    ring_change = function(ring, nodes) table.insert(record.rings, { ring = ring, nodes = nodes }) end,
    error = function(message) table.insert(record.errors, message) end,
  }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  local handle = handles.open(handlers)
  assert(handles.join(handle, name or handles.group_name()))
  handles.dispatch_until(handle, function() return #record.configs > 0 end)
  return handle, record, handlers
end

-- A member that has been notified of its own join and the ring, and its events since.
function handles.reading_member(reader, more)
  local seen = { messages = {}, lags = {} }
  local handlers = {
    config_change = function() seen.joined = true end,
    ring_change = function() seen.ring = true end,
    message_received = function(_, message) table.insert(seen.messages, message) end,
    lagged = function(...) table.insert(seen.lags, { #seen.messages, ... }) end,
    reader = reader,
  }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  local handle = handles.open(handlers)
  local name = handles.group_name()
  assert(handles.join(handle, name))
  handles.dispatch_until(handle, function() return seen.joined and seen.ring end)
  seen.lags = {} -- it may have taken these, too
  return handle, seen, name
end

function handles.assert_numbers(messages, count)
  assert.equal(count, #messages)
  for i, message in ipairs(messages) do
    assert.equal(i, tonumber(message:match "^%d+"))
  end
end

-- Sends as soon as Corosync takes it. A split message can also be interrupted, by members of earlier specs that go.
function handles.send(handle, message)
  local ok, why, code = handle:send(message)
  local deadline = os.time() + 60
  while (code == "try_again" or code == "interrupt") and os.time() < deadline do
    handle:wait(0.01)
    handle:fetch()
    ok, why, code = handle:send(message)
  end
  assert(ok, why)
end

return handles
