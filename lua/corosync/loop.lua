--- The one event loop of the process, on libuv through the luv package: a script's timers, sockets and
-- processes share it (`require "luv"`).
-- @module corosync.loop

local backoff = require "corosync.backoff"
local caller = require "corosync.caller"
local core = require "corosync.binding"
local handlers = require "corosync.handlers"
local uv = require "luv"

local loop = {}

local NO_MEMORY = "not enough memory" -- as Lua says it
local BUDGET = 128 -- events handled before other users of the loop get their turn
-- By object: its poll handle; its idle handle when events wait that the descriptor does not show; a timer after errors.
local watched = {}
local unreferenced = setmetatable({}, { __mode = "k" }) -- objects that do not keep `run` from ending
local dispatching -- the object whose handlers run
local stale = {} -- stopped handles to close in the next run: luv 1.44 crashes at exit on a close that no run completed
local running = false
local stopping = false -- from `stop` to the end of `run`: luv ends its round first

local function stop_idle(entry)
  if entry.idle then
    entry.idle:stop()
  end
end

local function watch_descriptor(entry)
  entry.poll:start("r", entry.turn)
end

-- Comes back in the next round, which then does not block.
local function come_back(entry)
  entry.idle = entry.idle or uv.new_idle()
  entry.idle:start(entry.turn)
end

-- After an error that is not a handler's, which may be there again at once: the descriptor stays readable. Nothing is
-- made for it here, where memory may be what is missing.
local function come_back_later(entry)
  entry.failed = (entry.failed or 0) + 1
  entry.since = entry.since or core.now()
  entry.timer:start(math.ceil(1000 * backoff.seconds(entry.failed - 1, uv.os_getpid())), 0, entry.turn)
  entry.poll:stop()
  stop_idle(entry)
end

-- Tells what keeps an object's events from being handled; once, for as long as it is the same.
local function tell(object, entry, problem)
  if problem == entry.told then
    return
  end
  entry.told = problem
  if problem == NO_MEMORY and entry.is_group then
    handlers.report(object, "cannot handle events: this process has not enough memory; trying again, with pauses")
  else
    error(problem, 0)
  end
end

local function recover(object, entry)
  local seconds = core.now() - entry.since
  entry.failed, entry.since, entry.told = nil, nil, nil
  entry.timer:stop()
  watch_descriptor(entry)
  if loop.recovered then
    loop.recovered(object, seconds)
  end
end

-- For a host that wants to know that an object's events are handled again, so many seconds after a first error that was
-- not a handler's.
loop.recovered = nil

local function to_stderr(message)
  core.complain("corosync: " .. message)
end

-- After a dispatch: when the next one has its turn, if there is one.
local function follow_up(object, entry, handled, more, code)
  if not handled then
    -- One whose handler waits in a loop of its own at this moment has its turn later.
    if code ~= "dispatching" then
      loop.remove(object)
      entry.disconnected(more)
    end
  elseif more then
    come_back(entry)
  elseif not entry.is_group and not object:fd() then
    loop.remove(object) -- closed by its handler; a group removes itself
  else
    stop_idle(entry)
  end
end

-- Where a host limits the time of each function of a script: groups and services see to it themselves, and the
-- functions of a handle share a turn's.
local function budget_of(object)
  return handlers.guard and type(object) == "userdata" and 1 or BUDGET
end

local function turn(object, entry)
  if stopping then
    come_back(entry) -- in the next run
    return
  end
  local outer = dispatching
  dispatching = object
  local ok, handled, more, code = pcall(object.dispatch, object, budget_of(object))
  dispatching = outer
  if not ok then
    -- Of memory, or of a finalizer: events that were fetched do not show on the descriptor.
    if watched[object] == entry then
      come_back_later(entry)
    end
    tell(object, entry, handled)
  elseif watched[object] == entry then
    if entry.failed then
      recover(object, entry)
    end
    follow_up(object, entry, handled, more, code)
  end
end

local function has_methods(object, ...)
  for _, name in ipairs { ... } do
    if type(object[name]) ~= "function" then
      return false
    end
  end
  return true
end

local function is_group(object)
  return type(object) == "table" and has_methods(object, "activate")
end

local function is_handle(object)
  return (type(object) == "userdata" or type(object) == "table") and has_methods(object, "dispatch", "fd")
end

--- Adds a group, before the loop runs or while it does, and activates it; or a service of @{corosync.service}, or a
-- handle of @{corosync.cpg}, @{corosync.cmap}, @{corosync.quorum}, @{corosync.votequorum} or @{corosync.cfg}, which
-- must be removed before it is closed. Adding twice is allowed.
-- @tparam table|userdata object
-- @tparam[opt] fun(reason:string) disconnected called with the reason when a handle's connection is lost: the handle is
-- then
-- removed. Without it the reason goes to stderr. A group has its own.
-- @treturn boolean true
-- @error nil, message, code, as the group's `activate` or the handle's `fd`
function loop.add(object, disconnected)
  local found_group = is_group(object)
  if not found_group and not is_handle(object) then
    caller.raise("bad argument #1 'object' to 'add' (group or handle expected, got %s)", type(object))
  end
  if not watched[object] then
    unreferenced[object] = nil
  end
  if type(object) == "table" then
    object._loop = loop
  end
  if not found_group then
    return loop.watch(object, disconnected)
  end
  local ok, message, code = object:activate()
  if not ok then
    return nil, message, code
  end
  return loop.watch(object)
end

-- Also called by a group when it becomes active.
function loop.watch(object, disconnected)
  if watched[object] then
    return true
  end
  local fd, message, code = object:fd()
  if not fd then
    return nil, message, code
  end
  local poll, problem = uv.new_poll(fd)
  if not poll then
    return nil, ("cannot watch descriptor %d: %s"):format(fd, problem), "exist"
  end
  local entry = {
    poll = poll,
    timer = uv.new_timer(), -- for tries after errors
    disconnected = disconnected or to_stderr,
    is_group = is_group(object),
  }
  function entry.turn() turn(object, entry) end
  watched[object] = entry
  watch_descriptor(entry)
  if unreferenced[object] then
    poll:unref()
  end
  come_back(entry) -- for events that the descriptor does not show, fetched before this
  return true
end

local function dispose(handle)
  if running then
    handle:close()
  else
    handle:stop()
    stale[#stale + 1] = handle
  end
end

--- Removes a handle: before it is closed, or to let it wait. (A group is removed by `deactivate`, a service by
-- `close`.) Removing what is not in the loop does nothing.
-- @tparam table|userdata object
function loop.remove(object)
  local entry = watched[object]
  watched[object] = nil
  if entry then
    dispose(entry.poll)
    for _, name in ipairs { "idle", "timer" } do
      if entry[name] then
        dispose(entry[name])
      end
    end
  end
end

--- Lets `run` end although a handle is still there, as luv's unref does for its handles.
-- Does nothing for what is not in the loop.
-- @tparam table|userdata object what was added; a group stays so when it comes back
function loop.unref(object)
  if watched[object] then
    unreferenced[object] = true
    watched[object].poll:unref()
  end
end

-- Called by a group that has moved events out of the descriptor's sight.
function loop.wake(object)
  if watched[object] then
    come_back(watched[object])
  end
end

-- A descriptor's number may be another one's by now, which closing takes out of epoll: so all are watched anew.
local function watch_anew()
  local closed = {} -- for which libuv would end the process
  for object, entry in pairs(watched) do
    local fd, message = object:fd()
    if fd then
      entry.poll:stop()
      watch_descriptor(entry)
    else
      closed[object] = message
    end
  end
  for object, message in pairs(closed) do
    local entry = watched[object]
    loop.remove(object)
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

--- Runs until `stop`, or until nothing is left to wait for: no group, timer or socket.
-- @treturn boolean true
-- @raise when the loop runs already
function loop.run()
  if running then
    caller.raise "corosync.loop.run: the loop is running already"
  end
  running = true
  close_stale()
  uv.run()
  running, stopping = false, false
  return true
end

--- Ends `run` after the handler that calls this. Groups stay members: deactivate them to leave, or run again.
--
-- For a program's end rather than `os.exit(code, true)` in a handler: luv 1.44, which Debian 12 has, crashes when a
-- state is closed in the round in which a handle was, as the group's is when `disconnected` is called.
function loop.stop()
  if dispatching then
    dispatching:stop()
  end
  stopping = running
  uv.stop()
end

return loop
