-- An object in the loop: its turns, and when the next one is due. Fields of an entry:
--   target        the record of a group or a service, or a handle
--   methods       the functions that are called with it; dispatch: one of them
--   is_handle
--   turn          handles events, and arranges the next turn
--   disconnected  called with the reason if its events can no longer be handled
--   remove        removes a target from the loop; is_removed: whether this entry was
--   poll, timer   luv's handles: for the descriptor, and for tries after errors
--   idle          the one for events that the descriptor does not show, from its first use on
--   failed, since, reported   after errors: their number, the time of the first, and the last problem reported
local core = require "corosync.binding"
local own = require "corosync.own_handles"
local reconnect = require "corosync.reconnect"
local script_calls = require "corosync.script_calls"
local uv = require "luv"

local entry = {}

local NO_MEMORY = "not enough memory" -- as Lua says it
local BUDGET = 128 -- events handled before other users of the loop get their turn

local dispatching -- the entry whose handlers run

-- Set by the loop, from `stop` to the end of `run`: luv ends its round first.
entry.is_stopping = false

-- Set by a host: called with an object and seconds, when its events are handled again after errors that were not a
-- handler's.
entry.recovered = nil

local Entry = {}
Entry.__index = Entry

local function stop_idle(self)
  if self.idle then
    self.idle:stop()
  end
end

function Entry:watch_descriptor()
  self.poll:start("r", self.turn)
end

-- Its next turn is in the next round, which then does not block.
function Entry:run_soon()
  self.idle = self.idle or own(uv.new_idle())
  self.idle:start(self.turn)
end

-- After an error that is not a handler's. The descriptor stays readable, so the poll stops. Nothing is allocated here,
-- because memory may be short.
local function run_later(self)
  self.failed = (self.failed or 0) + 1
  self.since = self.since or core.now()
  self.timer:start(math.ceil(1000 * reconnect.pause(self.failed - 1, uv.os_getpid())), 0, self.turn)
  self.poll:stop()
  stop_idle(self)
end

-- Reports why an object's events cannot be handled: once, as long as it is the same problem.
local function report(self, problem)
  if problem == self.reported then
    return
  end
  self.reported = problem
  if problem == NO_MEMORY and self.methods.report then
    self.methods.report(self.target,
      "cannot handle events: this process has not enough memory; trying again, with pauses")
  else
    error(problem, 0)
  end
end

local function recover(self)
  local seconds = core.now() - self.since
  self.failed, self.since, self.reported = nil, nil, nil
  self.timer:stop()
  self:watch_descriptor()
  if entry.recovered then
    entry.recovered(self.is_handle and self.target or self.target.object, seconds)
  end
end

-- After a dispatch: schedules the next one, or removes the object.
local function follow_up(self, handled, more, code)
  if not handled then
    -- "dispatching": its handler waits in a nested loop at this moment, and it gets its turn later.
    if code ~= "dispatching" then
      self.remove(self.target)
      script_calls.limited(self.disconnected, more)
    end
  elseif more then
    self:run_soon()
  elseif self.is_handle and not self.methods.fd(self.target) then
    self.remove(self.target) -- closed by its handler
  else
    stop_idle(self)
  end
end

-- Where a host limits the time of each function of a script: groups and services do that themselves, and the handlers
-- of a handle share the time of a turn.
local function budget_of(self)
  return self.is_handle and script_calls.guard and 1 or BUDGET
end

local function turn(self)
  if entry.is_stopping then
    self:run_soon() -- in the next run
    return
  end
  local outer = dispatching
  dispatching = self
  local ok, handled, more, code = script_calls.pcall(self.dispatch, self.target, budget_of(self))
  dispatching = outer
  if not ok then
    -- No memory, or an error in a finalizer: events that were fetched do not show on the descriptor.
    if not self.is_removed then
      run_later(self)
    end
    report(self, handled)
  elseif not self.is_removed then
    if self.failed then
      recover(self)
    end
    follow_up(self, handled, more, code)
  end
end

local function to_stderr(message)
  core.complain("corosync: " .. message)
end

-- Without `disconnected` the reason goes to stderr. `remove(target)`: see above.
function entry.new(target, methods, poll, disconnected, remove)
  local self = setmetatable({
    target = target,
    methods = methods,
    dispatch = methods.dispatch,
    is_handle = methods == target,
    poll = poll,
    timer = own(uv.new_timer()), -- for tries after errors
    disconnected = disconnected or to_stderr,
    remove = remove,
  }, Entry)
  function self.turn() turn(self) end
  return self
end

-- Ends the dispatch whose handlers run.
function entry.stop_dispatch()
  if dispatching then
    dispatching.methods.stop(dispatching.target)
  end
end

return entry
