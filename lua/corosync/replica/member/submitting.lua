-- Passes commands from their callers to the protocol.
local applying = require "corosync.replica.machines.applying"
local core = require "corosync.binding"
local effects = require "corosync.replica.member.effects"
local recording = require "corosync.replica.recording"
local running = require "corosync.replica.member.running"
local script_calls = require "corosync.script_calls"
local status = require "corosync.replica.member.status"

local now = core.now

local submitting = {}

-- Whether `window` commands wait. Uncertain ones count, too, because they must be kept.
local function is_full(self)
  local window = self.options.window
  return self.callers.count >= window or self.protocol ~= nil and self.protocol:waiting() >= window
end

-- No limit of a host may interrupt this in between: a command that has a caller, but that the protocol does not know,
-- would never be sent.
local start = script_calls.whole(function(self, what, data, tell)
  local id = self.callers:add(what, tell, now() + self.options.timeout, recording.begin(self.record, self.name, data))
  if self.protocol and not self.handover then -- else it is sent once the new script has been loaded
    self.protocol:submit(id, data, #data)
  else
    table.insert(self.early, { id = id, data = data })
  end
end)

-- In a loop, the commands of a turn are sent together at its end.
local function send(self)
  if not self.defers then
    running.run(self, effects.drain)
  elseif not self.has_new then
    self.has_new = true
    self.record.loop.expect_flush(self.record)
  end
end

-- Sends a command; `tell(result, message, code)` is called later. `is_own`: it is a command of the ready-made objects
-- themselves, such as one that keeps a lock. These are few, and are not subject to the window, so that a script that
-- always fills it does not hold them up. Returns true, or nil, message, code.
function submitting.submit(self, what, data, tell, is_own)
  if self.is_closed then
    return self.callers:failure(what, "closed")
  elseif applying.is_running() then
    return self.callers:refuse(what, "dispatching", "apply, initial, snapshot and restore must not submit: they may "
      .. "use only their arguments")
  elseif status.is_away(self) then
    return self.callers:failure(what, "not_connected")
  elseif not is_own and is_full(self) then
    return self.callers:failure(what, "full", ("%d commands of this member wait for their results: submit this one "
      .. "later"):format(self.options.window))
  elseif #data > self.largest then
    return self.callers:failure(what, "too_big", ("the command has %d bytes, and at most %d can be sent"):format(#data,
      self.largest))
  end
  start(self, what, data, tell)
  if self.nudge then
    self.nudge()
  elseif not self.runner then
    send(self)
  end
  return true
end

-- ---- commands that the protocol does not know yet: it had not begun, or a new script was being loaded ----

function submitting.submit_early(self)
  local early = self.early
  self.early = {}
  for _, command in ipairs(early) do
    self.protocol:submit(command.id, command.data, #command.data)
  end
end

-- The new script could not be loaded, so its commands, those after the first `kept`, are not sent.
function submitting.drop_early(self, kept)
  for i = #self.early, kept + 1, -1 do
    self.callers:forget(table.remove(self.early, i).id)
  end
end

local function give_up_early(self, id)
  for i, command in ipairs(self.early) do
    if command.id == id then
      table.remove(self.early, i)
      break
    end
  end
  self.callers:reply(id, nil, "not_ready")
end

-- Ends the waiting of callers whose deadline has passed.
function submitting.end_overdue(self)
  local ids = self.callers:overdue(now())
  if #ids > 0 and self.protocol then
    return effects.give_up(self, ids)
  end
  for _, id in ipairs(ids) do
    give_up_early(self, id)
  end
end

-- Ends the waiting of all callers, because the replica was closed.
function submitting.end_all(self)
  for _, command in ipairs(self.early) do
    self.callers:reply(command.id, nil, "closed")
  end
  if self.protocol then
    effects.give_up(self, self.callers:all())
  end
end

return submitting
