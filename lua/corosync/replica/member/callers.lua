-- Callers that wait for the results of their commands, and the messages for those that fail.
local core = require "corosync.binding"
local errors = require "corosync.errors"
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

-- `call(tell, ...)` calls the function of a caller; `why_not_ready()` returns a text, or nil when the replica is ready.
function callers.new(name, call, why_not_ready)
  return setmetatable({ name = name, call = call, why_not_ready = why_not_ready, by_id = {}, last = 0, first = 1,
    count = 0, failures = {} }, Callers)
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

-- Adds a caller, whose `tell(result, message, code)` will be called once. Returns the command's id.
function Callers:add(what, tell, deadline, operation)
  self.last, self.count = self.last + 1, self.count + 1
  local caller = { what = what, tell = tell, deadline = deadline }
  if operation then
    caller.operation = operation
  end
  if callers.timed then
    caller.since = core.now()
  end
  self.by_id[self.last] = caller
  return self.last
end

-- Removes a command that will not be sent, without calling its caller.
function Callers:forget(id)
  self.by_id[id], self.count = nil, self.count - 1
end

local function note_result(self, caller, result, code, index)
  if caller.operation then
    recording.finish(caller.operation, result, code, index)
  end
  if caller.since and not code then
    callers.timed(self.name, core.now() - caller.since)
  end
end

-- Passes the protocol's reply to the caller.
function Callers:reply(id, result, code, index)
  local caller = self.by_id[id]
  if not caller then
    return
  end
  self:forget(id)
  note_result(self, caller, result, code, index)
  if code then
    return self.call(caller.tell, self:failure(caller.what, code))
  end
  local problem, failed = machines.failure(result)
  if problem then
    self:count_failure(failed)
    return self.call(caller.tell, nil, problem, failed)
  end
  return self.call(caller.tell, result == nil and true or result)
end

-- Returns the ids of the callers whose deadline has passed, in order.
function Callers:overdue(now)
  local found = {}
  while self.first <= self.last do
    local caller = self.by_id[self.first]
    if caller and caller.deadline > now then
      break
    elseif caller then
      found[#found + 1] = self.first
    end
    self.first = self.first + 1
  end
  return found
end

-- Returns the ids of all waiting callers, in order.
function Callers:all()
  local found = {}
  for id = self.first, self.last do
    if self.by_id[id] then
      found[#found + 1] = id
    end
  end
  return found
end

return callers
