--- The one event loop of the process, on libuv through the luv package: a script's timers, sockets and
-- processes share it (`require "luv"`).
-- @module corosync.loop

local KEY = require "corosync.private"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local own = require "corosync.own_handles"
local reconnect = require "corosync.reconnect"
local script_calls = require "corosync.script_calls"
local uv = require "luv"

local loop = {}

local NO_MEMORY = "not enough memory" -- as Lua says it
local BUDGET = 128 -- events handled before other users of the loop get their turn
-- A target is the record of a group or a service, or a handle. By target: its poll handle; its idle handle when events
-- wait that the descriptor does not show; a timer after errors.
local watched = {}
local unreferenced = setmetatable({}, { __mode = "k" }) -- targets that do not keep `run` from ending
local dispatching -- the entry whose handlers run
local stale = {} -- stopped handles to close in the next run: luv 1.44 crashes at exit on a close that no run completed
local running = false
local stopping = false -- from `stop` to the end of `run`: luv ends its round first

local packed = {} -- a list of the entries whose targets pack messages
local prepare -- luv's handle that flushes them before the loop waits
local flushing = false -- while it does

-- A flush may call functions that add or remove objects: from the end on, none that stays is missed.
local function flush_packed()
  flushing = true
  for i = #packed, 1, -1 do
    local entry = packed[i]
    if entry then
      pcall(entry.methods.flush, entry.target) -- it raises without memory; the descriptor then calls for another one
    end
  end
  flushing = false
end

local function note_packed(entry)
  local methods = entry.methods
  if methods.flush and (entry.is_handle or methods.packs(entry.target)) then
    packed[#packed + 1] = entry
    prepare = prepare or own(uv.new_prepare())
    prepare:start(flush_packed)
    prepare:unref()
  end
end

local function forget_packed(entry)
  for i, each in ipairs(packed) do
    if each == entry then
      table.remove(packed, i)
      break
    end
  end
  if prepare and #packed == 0 then
    prepare:stop()
  end
end

local function stop_idle(entry)
  if entry.idle then
    entry.idle:stop()
  end
end

local function watch_descriptor(entry)
  entry.poll:start("r", entry.turn)
end

-- Calls turn in the next round, which then does not block.
local function run_soon(entry)
  entry.idle = entry.idle or own(uv.new_idle())
  entry.idle:start(entry.turn)
end

-- After an error that is not a handler's. The descriptor stays readable, so the poll stops. Nothing is allocated here,
-- because memory may be short.
local function run_later(entry)
  entry.failed = (entry.failed or 0) + 1
  entry.since = entry.since or core.now()
  entry.timer:start(math.ceil(1000 * reconnect.pause(entry.failed - 1, uv.os_getpid())), 0, entry.turn)
  entry.poll:stop()
  stop_idle(entry)
end

-- Reports why an object's events cannot be handled: once, as long as it is the same problem.
local function report(entry, problem)
  if problem == entry.reported then
    return
  end
  entry.reported = problem
  if problem == NO_MEMORY and entry.methods.report then
    entry.methods.report(entry.target,
      "cannot handle events: this process has not enough memory; trying again, with pauses")
  else
    error(problem, 0)
  end
end

local function recover(entry)
  local seconds = core.now() - entry.since
  entry.failed, entry.since, entry.reported = nil, nil, nil
  entry.timer:stop()
  watch_descriptor(entry)
  if loop.recovered then
    loop.recovered(entry.is_handle and entry.target or entry.target.object, seconds)
  end
end

-- Set by a host: called with an object and seconds, when its events are handled again after errors that were not a
-- handler's.
loop.recovered = nil

local function to_stderr(message)
  core.complain("corosync: " .. message)
end

-- The functions that groups and services call with their record.
local watcher = {}

-- After a dispatch: schedules the next one, or removes the object.
local function follow_up(entry, handled, more, code)
  if not handled then
    -- "dispatching": its handler waits in a nested loop at this moment, and it gets its turn later.
    if code ~= "dispatching" then
      watcher.remove(entry.target)
      script_calls.limited(entry.disconnected, more)
    end
  elseif more then
    run_soon(entry)
  elseif entry.is_handle and not entry.methods.fd(entry.target) then
    watcher.remove(entry.target) -- closed by its handler
  else
    stop_idle(entry)
  end
end

-- Where a host limits the time of each function of a script: groups and services do that themselves, and the handlers
-- of a handle share the time of a turn.
local function budget_of(entry)
  return entry.is_handle and script_calls.guard and 1 or BUDGET
end

local function turn(entry)
  if stopping then
    run_soon(entry) -- in the next run
    return
  end
  local outer = dispatching
  dispatching = entry
  local ok, handled, more, code = script_calls.pcall(entry.dispatch, entry.target, budget_of(entry))
  dispatching = outer
  local is_watched = watched[entry.target] == entry
  if not ok then
    -- No memory, or an error in a finalizer: events that were fetched do not show on the descriptor.
    if is_watched then
      run_later(entry)
    end
    report(entry, handled)
  elseif is_watched then
    if entry.failed then
      recover(entry)
    end
    follow_up(entry, handled, more, code)
  end
end

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

local function new_entry(target, methods, poll, disconnected)
  local entry = {
    target = target,
    methods = methods,
    dispatch = methods.dispatch,
    is_handle = methods == target,
    poll = poll,
    timer = own(uv.new_timer()), -- for tries after errors
    disconnected = disconnected or to_stderr,
  }
  function entry.turn() turn(entry) end
  return entry
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
  local entry = new_entry(target, methods, poll, disconnected)
  watched[target] = entry
  note_packed(entry)
  watch_descriptor(entry)
  if unreferenced[target] then
    poll:unref()
  end
  run_soon(entry) -- for events that the descriptor does not show, fetched before this
  return true
end

-- Waits for the record's present descriptor: called when a group becomes active.
function watcher.watch(record)
  return watch(record, record.hooks)
end

local function dispose(handle)
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
    forget_packed(entry)
    dispose(entry.poll)
    dispose(entry.timer)
    if entry.idle then
      dispose(entry.idle)
    end
  end
end

-- Called when events may have moved out of the descriptor.
function watcher.wake(record)
  if watched[record] then
    run_soon(watched[record])
  end
end

-- Called when there is something to flush. While others are flushed, this record may have had its turn already, so it
-- gets another one in the next round.
function watcher.expect_flush(record)
  if flushing then
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
      watch_descriptor(entry)
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
  while is_alive and not stopping and not is_over() do
    is_alive = uv.run "once"
  end
  running, stopping = false, false
  flush_packed()
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
  running, stopping = false, false
  flush_packed() -- a `stop` in the callback of a descriptor ends the round before the loop does
  return true
end

--- Ends `run` after the handler that calls this. Groups stay members: deactivate them to leave, or run again.
--
-- To end the program, call this instead of `os.exit(code, true)` in a handler: luv 1.44, which Debian 12 has, crashes
-- if a Lua state is closed in the same round as one of luv's handles, such as a group's when `disconnected` is called.
function loop.stop()
  if dispatching then
    dispatching.methods.stop(dispatching.target)
  end
  stopping = running
  uv.stop()
end

return loop
