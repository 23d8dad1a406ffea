--- The one event loop of the process, on libuv through the luv package: a script's timers, sockets and
-- processes share it (`require "luv"`).
-- @module corosync.loop

local KEY = require "corosync.private"
local entries = require "corosync.loop.entry"
local errors = require "corosync.errors"
local flushing = require "corosync.loop.flushing"
local own = require "corosync.own_handles"
local uv = require "luv"

local loop = {}

-- A target is the record of a group or a service, or a handle.
local watched = {} -- entries by target
local unreferenced = setmetatable({}, { __mode = "k" }) -- targets that do not keep `run` from ending
local stale = {} -- stopped handles to close in the next run: luv 1.44 crashes at exit on a close that no run completed
local running = false

-- The functions that groups and services call with their record.
local watcher = {}

local function is_handle(object)
  return (type(object) == "userdata" or type(object) == "table") and type(object.dispatch) == "function"
    and type(object.fd) == "function"
end

-- The target of a public object, and the functions that are called with it; nil for another value.
local function target_of(object)
  local record = type(object) == "table" and rawget(object, KEY)
  if record then
    return record, record.hooks
  elseif is_handle(object) then
    return object, object
  end
end

local function watch(target, methods, disconnected)
  if watched[target] then
    return true
  end
  local fd, message, code = methods.fd(target)
  if not fd then
    return nil, message, code
  end
  local poll, problem = uv.new_poll(fd)
  if not poll then
    return nil, ("cannot watch descriptor %d: %s"):format(fd, problem), "exist"
  end
  own(poll)
  local entry = entries.new(target, methods, poll, disconnected, watcher.remove)
  watched[target] = entry
  flushing.add(entry)
  entry:watch_descriptor()
  if unreferenced[target] then
    poll:unref()
  end
  entry:run_soon() -- for events that the descriptor does not show, fetched before this
  return true
end

-- Waits for the record's present descriptor: called when a group becomes active.
function watcher.watch(record)
  return watch(record, record.hooks)
end

-- Closes one of luv's handles.
function watcher.dispose(handle)
  if running then
    handle:close()
  else
    handle:stop()
    stale[#stale + 1] = handle
  end
end

function watcher.remove(target)
  local entry = watched[target]
  watched[target] = nil
  if entry then
    entry.is_removed = true
    flushing.remove(entry)
    watcher.dispose(entry.poll)
    watcher.dispose(entry.timer)
    if entry.idle then
      watcher.dispose(entry.idle)
    end
  end
end

-- Called when events may have moved out of the descriptor.
function watcher.wake(record)
  if watched[record] then
    watched[record]:run_soon()
  end
end

-- Called when there is something to flush. While others are flushed, this record may have had its turn already, so it
-- gets another one in the next round.
function watcher.expect_flush(record)
  if flushing.is_running() then
    watcher.wake(record)
  end
end

--- Adds a group, before the loop runs or while it does, and activates it; or a service of @{corosync.service}, or a
-- handle of @{corosync.cpg}, @{corosync.cmap}, @{corosync.quorum}, @{corosync.votequorum} or @{corosync.cfg}, which
-- must be removed before it is closed. Adding twice is allowed.
-- @tparam table|userdata object
-- @tparam[opt] fun(reason:string) disconnected called with the reason when a handle's connection is lost: the handle is
-- then removed. Without it the reason goes to stderr. A group has its own.
-- @treturn boolean true
-- @error nil, message, code, as the group's `activate` or the handle's `fd`
function loop.add(object, disconnected)
  local target, methods = target_of(object)
  if not target then
    errors.raise("bad argument #1 'object' to 'add' (group or handle expected, got %s)", type(object))
  elseif not watched[target] then
    unreferenced[target] = nil
  end
  if target == object then
    return watch(target, methods, disconnected)
  end
  target.loop = watcher
  local ok, message, code = true, nil, nil
  if methods.activate then
    ok, message, code = methods.activate(target)
  end
  if not ok then
    return nil, message, code
  end
  return watch(target, methods, disconnected)
end

--- Removes a handle: before it is closed, or to let it wait. (A group is removed by `deactivate`, a service by
-- `close`.) Removing an object that is not in the loop does nothing.
-- @tparam table|userdata object
function loop.remove(object)
  local target = target_of(object)
  if target then
    watcher.remove(target)
  end
end

--- Returns the groups, services and handles in the loop.
-- @treturn table a set: true by object
function loop.objects()
  local found = {}
  for target, entry in pairs(watched) do
    found[entry.is_handle and target or target.object] = true
  end
  return found
end

--- Lets `run` end although an object is still in the loop, as luv's unref does for its handles.
-- Does nothing for an object that is not in the loop.
-- @tparam table|userdata object one that was added; a group stays unreferenced when it reconnects
function loop.unref(object)
  local target = target_of(object)
  if target and watched[target] then
    unreferenced[target] = true
    watched[target].poll:unref()
  end
end

-- Closing a poll handle takes its descriptor's number out of epoll, and another object may have that number by now: so
-- all are watched anew.
local function watch_anew()
  local closed = {} -- for which libuv would end the process
  for target, entry in pairs(watched) do
    local fd, message = entry.methods.fd(target)
    if fd then
      entry.poll:stop()
      entry:watch_descriptor()
    else
      closed[entry] = message
    end
  end
  for entry, message in pairs(closed) do
    watcher.remove(entry.target)
    entry.disconnected(message)
  end
end

local function close_stale()
  if #stale == 0 then
    return
  end
  for i = #stale, 1, -1 do
    stale[i]:close()
    stale[i] = nil
  end
  watch_anew()
end

--- Runs until a function returns true; it is called in each round. Also ends at `stop`, and when nothing is left to
-- wait for.
-- @tparam fun():any is_over
-- @treturn boolean false if the loop is running already, or nothing is left to wait for
function loop.run_until(is_over)
  if running then
    return false
  end
  running = true
  close_stale()
  local is_alive = true
  while is_alive and not entries.is_stopping and not is_over() do
    is_alive = uv.run "once"
  end
  running, entries.is_stopping = false, false
  flushing.run()
  return is_alive or is_over()
end

--- Runs until `stop`, or until nothing is left to wait for: no group, timer or socket.
-- @treturn boolean true
-- @raise when the loop runs already
function loop.run()
  if running then
    errors.raise "corosync.loop.run: the loop is running already"
  end
  running = true
  close_stale()
  uv.run()
  running, entries.is_stopping = false, false
  flushing.run() -- a `stop` in the callback of a descriptor ends the round before the loop does
  return true
end

--- Ends `run` after the handler that calls this. Groups stay members: deactivate them to leave, or run again.
--
-- To end the program, call this instead of `os.exit(code, true)` in a handler: luv 1.44, which Debian 12 has, crashes
-- if a Lua state is closed in the same round as one of luv's handles, such as a group's when `disconnected` is called.
function loop.stop()
  entries.stop_dispatch()
  entries.is_stopping = running
  uv.stop()
end

return loop
