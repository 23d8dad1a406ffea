-- A member's turns. In each, events are handled or time passes; then the protocol's effects are carried out, and the
-- script's functions are called.
local applying = require "corosync.replica.machines.applying"
local clock = require "corosync.replica.member.clock"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local effects = require "corosync.replica.member.effects"
local membership = require "corosync.replica.member.membership"
local parts = require "corosync.replica.parts"
local pollfd = require "corosync.group.pollfd"
local running = require "corosync.replica.member.running"
local script_calls = require "corosync.script_calls"
local status = require "corosync.replica.member.status"
local submitting = require "corosync.replica.member.submitting"

local now, run = core.now, running.run

local turns = {}

-- ---- the end of a turn ----

-- Lets the ready-made objects act on members that have come or gone. Returns whether any have.
local function maintain(self)
  local active = self.was_serving and self.protocol.active
  local has_changed = active and (self.members ~= self.seen_members or active.tag ~= self.seen_tag
    or active.epoch ~= self.seen_epoch)
  if has_changed then
    self.seen_members, self.seen_tag, self.seen_epoch = self.members, active.tag, active.epoch
    parts.maintain(self)
    self.ended = {}
  end
  return has_changed
end

-- Called at the end of a turn when the replica is closed.
local function finish(self)
  effects.drain(self)
  parts.left(self, "closed")
  submitting.end_all(self)
  self.outgoing:cancel_all()
  if self.calls then
    self.calls:lost("the replica was closed before the reply", "closed")
  end
  if self.keeper then
    self.keeper:close()
  end
  self.timer = self.timer and self.timer.close() or nil
  self.has_ended = true
end

-- Ends a turn: carries out the effects, and calls the script's functions for a change of the status or the members.
local function settle(self)
  effects.drain(self)
  local was_told = status.tell(self)
  if maintain(self) or was_told then
    effects.drain(self)
  end
  if self.is_closed then
    finish(self)
  elseif self.is_rejoining then
    membership.rejoin(self)
  end
end

function turns.settle(self)
  run(self, settle)
end

-- Calls a function that may call the script's functions.
function turns.turn(self, f)
  run(self, function()
    settle(self)
    f(self)
    settle(self)
  end)
end

-- ---- time ----

local function tick(self)
  clock.tick(self)
  settle(self)
end

-- Called a few times a second by a loop's clock.
function turns.tick(self)
  if not self.runner and not self.is_closed then
    run(self, tick)
  end
end

-- Returns the seconds until there is something to do even if no event arrives. A closed replica has no ticks.
function turns.timeout(self)
  if effects.has_work(self) then
    return 0
  end
  return self.is_closed and clock.TICK or math.max(self.next_tick - now(), 0)
end

-- ---- events ----

-- Called after each dispatch, whether or not more events wait.
local function after_events(self)
  if now() >= self.next_tick and not self.is_closed then
    tick(self)
  else
    settle(self)
  end
end

local function dispatch_all(self, budget)
  self.turn_began = now()
  local handled, more, code = 0, false, nil
  if not pollfd.is_paused(self.record) then
    handled, more, code = dispatch.dispatch(self.record, budget)
  end
  after_events(self)
  return handled, more, code
end

local function cannot_handle(self)
  return self.callers:failure("handle events of", "dispatching",
    "one of its functions is running: return from it first")
end

-- Whether there will be no more events.
local function has_left(self)
  return self.is_closed and self.record.state == "idle"
end

local function closed(self, what)
  return self.callers:failure(what, "not_joined", "it was closed: make a new one")
end

-- Handles events that wait. Returns as the group's dispatch.
function turns.dispatch(self, budget)
  if self.runner or applying.is_running() then
    return cannot_handle(self)
  elseif has_left(self) then
    return closed(self, "handle events of")
  end
  return run(self, dispatch_all, budget)
end

function turns.fd(self)
  if has_left(self) then
    return closed(self, "wait for")
  end
  return self.group:fd()
end

-- Waits until there is something to do.
local function wait(self)
  if pollfd.fd(self.record) then -- a paused group has no descriptor to wait for until it is asked for one
    pollfd.source(self.record):wait(self:timeout())
  end
end

local function handle_until(self, is_over)
  if self.runner and not is_over() then
    return cannot_handle(self)
  elseif self.loop and self.loop.run_until(is_over) then
    if is_over() then
      return true
    end
    return self.callers:failure("wait for", "uncertain", "the loop was stopped meanwhile")
  end
  while not is_over() do
    local handled, more, code = self:dispatch(100)
    if not handled then
      return nil, more, code
    elseif handled == 0 and not is_over() then
      wait(self)
    end
  end
  if self.record.loop then
    self.record.loop.wake(self.record) -- for events that were fetched and not handled
  end
  return true
end

-- Handles events until a condition holds, for callers outside coroutines.
function turns.handle_until(...)
  return script_calls.waiting(handle_until, ...)
end

-- ---- what a light thread of nginx calls, see resty/thread.lua ----

-- Returns as the group's step.
function turns.step(self)
  return run(self, function() return dispatch.step(self.record) end)
end

function turns.after_events(self)
  self.is_closed = self.is_closed or not self.record.wanted -- the worker exits
  run(self, after_events)
end

-- nginx has ended the light thread inside a function of the script, which may have left its work half done.
function turns.interrupted(self)
  applying.forget(self.runner)
  self.runner = nil
  membership.give_up_for(self, "a function of the script ended its light thread, as ngx.exit does",
    "the rest of that function did not run")
end

return turns
