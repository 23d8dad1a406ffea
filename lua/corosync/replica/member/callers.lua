-- Callers that wait for the results of their commands, and the messages for those that fail.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local handlers = require "corosync.group.handlers"
local machines = require "corosync.replica.machines"
local recording = require "corosync.replica.recording"
local traceback = require "corosync.traceback"

local callers = {}

-- Set by a host that measures: called with the replica's name and the seconds from a command's submission to its
-- result.
callers.timed = nil

-- Why there is no result, by cause. The most frequent cause of a code has its name.
local TEXTS = {
  applied = "the command was applied, but its result is not known here: this member got the state from another one",
  closed = "the replica was closed: make a new one",
  closed_early = "the command was sent, but the replica was closed before it was confirmed",
  damaged = "the command was applied, but its result is not known here: the replica was closed because of an error",
  differed = "the command was sent, but this member has dropped its state, which differed from that of the others",
  forgotten = "the command was sent, but so many other processes have sent commands since that the replica no longer "
    .. "knows whether this command was applied",
  not_connected = "Corosync on this node is away: send the command again when the replica is ready",
  not_ready = "it was not ready in time, so the command was not sent",
  replaced = "the command was sent, but the members have gone on from a state that lacks earlier commands of this "
    .. "member",
  uncertain = "the command was sent but not confirmed in time",
  unstored = "the command was sent, but its result still waits for this member's storage",
}

-- The causes that the member's status explains.
local WAITS = { not_ready = true, uncertain = true, unstored = true }
local MAYBE = "; it may have been applied, or may be applied later"

local function text_of(self, cause)
  local reason = WAITS[cause] and self.why_unconfirmed()
  return (TEXTS[cause] or cause) .. (reason and ": " .. reason or "")
end

local Callers = {}
Callers.__index = Callers

-- `record`: the group's; `why_unconfirmed()` returns a text, or nil.
-- The waiting callers are a linked list, from the oldest, `ring.after`, to the newest, `ring.before`. In an array whose
-- front is removed, Lua would rehash the table at nearly each command.
function callers.new(name, record, why_unconfirmed)
  local ring = {}
  ring.after, ring.before = ring, ring
  return setmetatable({ name = name, record = record, why_unconfirmed = why_unconfirmed, ring = ring, count = 0,
    failures = {} }, Callers)
end

function Callers:count_failure(code)
  self.failures[code] = (self.failures[code] or 0) + 1
end

-- Returns nil, message, code for a command that has no result. `what`: the action, or a function that returns it, so
-- that commands that succeed need no text of their own. `why`: a text, if the code does not tell; `cause`: of TEXTS.
function Callers:failure(what, code, why, cause)
  self:count_failure(code)
  what = type(what) == "function" and what() or what
  why = why or text_of(self, cause or code) .. (code == "uncertain" and MAYBE or "")
  return nil, ("cannot %s replica %s: %s"):format(what, errors.quote(self.name), why), code
end

local MISPLACED = { dispatching = true, wrong_phase = true }

-- As `failure`, for a call that could not wait for its result, or not long enough. The first call in a place where
-- nothing can wait is also reported: a script that ignores results would not notice that its call did nothing.
function Callers:refuse(what, code, why)
  local _, message = self:failure(what, code, why)
  if MISPLACED[code] and not self.has_reported then
    self.has_reported = true
    handlers.report(self.record, traceback(message))
  end
  return nil, message, code
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
    caller.operation = nil
  end
  if caller.since and not code then
    callers.timed(self.name, core.now() - caller.since)
  end
end

-- Passes the protocol's reply to a caller, unless it has had one. If memory runs out before the caller gets it, this
-- must be called again.
function Callers:reply(caller, result, code, index, cause)
  if not caller.after then
    return
  end
  note_result(self, caller, result, code, index)
  if code then
    local _, message = self:failure(caller.what, code, nil, cause)
    self:forget(caller)
    return handlers.call(self.record, caller.tell, nil, message, code)
  end
  local problem, failed = machines.failure(result)
  self:forget(caller)
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
