-- Callers that wait for the results of their commands, and the messages for those that fail.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local handlers = require "corosync.group.handlers"
local machines = require "corosync.replica.machines"
local recording = require "corosync.replica.recording"

local callers = {}

-- Set by a host that measures: called with the replica's name and the seconds from a command's submission to its
-- result.
callers.timed = nil

-- Why there is no result, by code.
local TEXTS = {
  applied = "the command was applied, but its result is not known here: this member got the state from another one, or "
    .. "was closed because of an error",
  closed = "the replica was closed: make a new one",
  not_connected = "Corosync on this node is away: send the command again when the replica is ready",
  not_ready = "it was not ready in time, so the command was not sent",
  uncertain = "the command was sent but not confirmed in time: it may have been applied, or may be applied later",
}

local Callers = {}
Callers.__index = Callers

-- `record`: the group's; `why_not_ready()` returns a text, or nil when the replica is ready.
-- The callers that wait are linked from the oldest, `ring.after`, to the newest, `ring.before`. In a table by number,
-- of which the front is removed, Lua would look for room among all numbers at nearly each command.
function callers.new(name, record, why_not_ready)
  local ring = {}
  ring.after, ring.before = ring, ring
  return setmetatable({ name = name, record = record, why_not_ready = why_not_ready, ring = ring, count = 0,
    failures = {} }, Callers)
end

function Callers:count_failure(code)
  self.failures[code] = (self.failures[code] or 0) + 1
end

-- Returns nil, message, code for a command that has no result. `what`: the action, or a function that returns it, so
-- that commands that succeed need no text of their own.
function Callers:failure(what, code, why)
  self:count_failure(code)
  what = type(what) == "function" and what() or what
  local text = why or TEXTS[code] or code
  local reason = not why and code == "not_ready" and self.why_not_ready()
  return nil, ("cannot %s replica %s: %s"):format(what, errors.quote(self.name),
    reason and text .. ": " .. reason or text), code
end

-- Adds a caller, whose `tell(result, message, code)` will be called once. Returns it; it is also its command's id.
function Callers:add(what, tell, deadline, operation)
  local ring = self.ring
  local newest = ring.before
  local caller = { what = what, tell = tell, deadline = deadline, operation = operation,
    since = callers.timed and core.now(), before = newest, after = ring }
  newest.after, ring.before = caller, caller
  self.count = self.count + 1
  return caller
end

-- Removes a caller that waits, without calling it.
function Callers:forget(caller)
  local before, after = caller.before, caller.after
  before.after, after.before, caller.after = after, before, nil
  self.count = self.count - 1
end

local function note_result(self, caller, result, code, index)
  if caller.operation then
    recording.finish(caller.operation, result, code, index)
  end
  if caller.since and not code then
    callers.timed(self.name, core.now() - caller.since)
  end
end

-- Passes the protocol's reply to a caller, unless it has had one.
function Callers:reply(caller, result, code, index)
  if not caller.after then
    return
  end
  self:forget(caller)
  note_result(self, caller, result, code, index)
  if code then
    return handlers.call(self.record, caller.tell, self:failure(caller.what, code))
  end
  local problem, failed = machines.failure(result)
  if problem then
    self:count_failure(failed)
    return handlers.call(self.record, caller.tell, nil, problem, failed)
  end
  return handlers.call(self.record, caller.tell, result == nil and true or result)
end

-- Returns the callers whose deadline has passed, in order.
function Callers:overdue(now)
  local found, caller = {}, self.ring.after
  while caller ~= self.ring and caller.deadline <= now do
    found[#found + 1] = caller
    caller = caller.after
  end
  return found
end

-- Returns all waiting callers, in order.
function Callers:all()
  return self:overdue(math.huge)
end

return callers
