-- The protocol's effects: sends, replies, and stores, which come before messages that others rely on.
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local list = require "corosync.list"
local membership = require "corosync.replica.member.membership"
local notes = require "corosync.replica.member.notes"
local outbox = require "corosync.replica.member.outbox"
local parts = require "corosync.replica.parts"
local protocol = require "corosync.replica.protocol"

local now = core.now

local effects = {}

local effect_of = {}

function effect_of.send(self, message)
  if message.kind == "snapshot" then
    self.outgoing:start(message)
  else
    self.writer:add(message)
  end
end

function effect_of.reply(self, ids, results, code, index)
  if code == "not_ready" and self.is_closed then
    code = "closed"
  end
  code = code or self.machines.damage and "applied"
  for i, id in ipairs(ids) do
    if id then
      self.callers:reply(id, results and results[i], code, index and index + i - 1)
    end
  end
end

function effect_of.store(self, kind, ...)
  self.keeper[kind](self.keeper, ...)
end

function effect_of.rejoin(self)
  self.is_rejoining = true
end

local function do_now(self, effect)
  effect_of[effect[1]](self, effect[2], effect[3], effect[4], effect[5])
end

-- ---- storage and notes ----

local STORAGE = { wanted = "its storage works again", regained = "the storage of replica %s works again" }
local NOTE = { wanted = "it can write its note", regained = "replica %s can write its note again" }

-- When storage or a note fails, the member leaves until it works again. The others go on without it.
local function stand_aside(self, outage, problem)
  if not self.storage_problem then
    self.storage_problem, self.outage = problem, outage
    self:report(("replica %s leaves its group until %s: %s"):format(errors.quote(self.name), outage.wanted, problem))
    parts.left(self, "storage")
    membership.leave(self)
  end
end

-- Before a message that others rely on, everything it says must be on disk. Returns false if it is not.
local function store_before(self, message)
  if not self.keeper or not protocol.stored_before[message.kind] then
    return true
  end
  local ok, problem = self.keeper:commit()
  if not ok then
    stand_aside(self, STORAGE, problem)
  end
  return ok
end

local function keep_note(self, text)
  local ok, problem = self:note_prefix()
  if ok then
    ok, problem = notes.keep(ok, text, self.protocol.incarnation)
  end
  self.unkept_note = not ok and text or nil
  return ok, problem
end

-- Later messages may confirm commands, so they must wait until the note is kept. Returns whether it is.
local function note(self, text)
  local ok, problem = keep_note(self, text)
  if not ok then
    stand_aside(self, NOTE, problem)
    return false
  end
  ok, problem = cluster.cmap_set(self.note_key, text)
  if not ok then
    self:report(problem)
  end
  return true
end

local function work_on_storage(self)
  local more, problem = self.keeper:work(self.protocol, self.machines)
  if more == nil then
    stand_aside(self, STORAGE, problem)
  elseif more and self.keeper:is_writing() then
    self.protocol:progress(now())
  end
  return more
end

local function is_storage_working(self)
  local ok = not self.unkept_note or keep_note(self, self.unkept_note)
  if ok and self.keeper then
    ok = self.keeper:commit()
  end
  if ok and self.keeper and self.keeper:is_writing() then
    ok = self.keeper:work(self.protocol, self.machines) ~= nil
  end
  return ok
end

-- Called while storage fails.
function effects.try_storage(self)
  if self.record.state == "joined" then
    return membership.leave(self)
  elseif self.record.state == "idle" and is_storage_working(self)
    and membership.join(self) then
    self.storage_problem = nil
    self:report(self.outage.regained:format(errors.quote(self.name)))
  end
end

-- ---- all effects ----

-- Returns false if this effect and all later ones must wait.
local function do_effect(self, effect)
  if self.keeper and self.keeper:is_writing() or effect[1] == "send" and not store_before(self, effect[2]) then
    return false
  elseif effect[1] == "note" then
    return note(self, effect[2])
  end
  do_now(self, effect)
  return true
end

-- Returns false if some effects must wait.
local function do_all(self, out)
  self.protocol.out = {}
  for i, effect in ipairs(out) do
    if not do_effect(self, effect) then
      self.protocol.out = list.append(list.from(out, i), self.protocol.out)
      return false
    end
  end
  return true
end

local function send_all(self)
  self.writer:flush()
  outbox.pump(self)
end

-- Returns false if some effects must wait.
local function do_until_none(self)
  local protocol_state = self.protocol
  repeat
    while #protocol_state.out > 0 do
      if not do_all(self, protocol_state.out) then
        return false
      end
    end
    protocol_state:flush()
  until #protocol_state.out == 0 or protocol_state.replaying
  return true
end

-- A member without commands of its own in flight sends its acknowledgement before it applies commands of others, who
-- wait for it. With commands in flight it sends the acknowledgement later, together with those that callers submit when
-- they get their results.
local function send_before_applying(self)
  local handle = self.record.handle
  if handle and self.protocol:waiting() == 0 then
    send_all(self)
    handle:flush()
  end
end

-- All effects wait while a base is written.
local function do_effects(self)
  if self.keeper and self.keeper:is_writing() then
    return
  end
  local protocol_state = self.protocol
  while do_until_none(self) and protocol_state:has_confirmed() do
    send_before_applying(self)
    protocol_state:apply()
    if protocol_state.replaying then -- the next part in the next turn of the loop
      return
    end
  end
end

-- Whether there is more to do without an event.
function effects.has_work(self)
  local waits = self.keeper and self.keeper:is_writing()
  local replays = self.protocol and self.protocol.replaying and not waits
  return not self.has_ended and (self.stores_more or replays) and true or false
end

local function wake(self)
  if self.record.loop then
    self.record.loop.wake(self.record)
  elseif self.nudge then
    self.nudge()
  end
end

-- Does what the protocol has asked for. After the end of a closed replica, events may still come until it has left.
function effects.drain(self)
  if self.has_ended then
    return
  elseif self.protocol then
    do_effects(self)
  end
  if self.keeper and self.protocol and not self.storage_problem then
    self.stores_more = work_on_storage(self)
    do_effects(self)
  end
  send_all(self)
  if effects.has_work(self) then
    wake(self)
  end
end

-- Ends the callers of commands. They must not wait for storage, as the effects of the protocol do.
function effects.give_up(self, ids)
  effects.drain(self)
  local kept = self.protocol.out
  self.protocol.out = {}
  self.protocol:give_up(list.set(ids))
  local replies = self.protocol.out
  self.protocol.out = kept
  for _, effect in ipairs(replies) do
    do_now(self, effect)
  end
  for _, id in ipairs(ids) do -- those whose results wait for storage
    self.callers:reply(id, nil, "uncertain")
  end
end

return effects
