-- Carries out the protocol's effects in order: sends, replies, writes to storage. What a message says must be stored
-- before the message is sent.
local list = require "corosync.list"
local outbox = require "corosync.replica.member.outbox"
local persistence = require "corosync.replica.member.persistence"

local effects = {}

local effect_of = {}

function effect_of.send(self, message)
  if message.kind == "snapshot" then
    self.outgoing:start(message)
  else
    self.writer:add(message)
  end
end

-- Returns the code and cause that callers get.
local function outcome(self, code, cause)
  if not code and self.machines.damage then
    return "applied", "damaged"
  elseif self.is_closed and code == "not_ready" then
    return "closed"
  elseif self.is_closed and code == "uncertain" then
    return code, cause or "closed_early"
  end
  return code, cause
end

function effect_of.reply(self, ids, results, code, index, cause)
  code, cause = outcome(self, code, cause)
  for i, id in ipairs(ids) do
    if id then
      self.callers:reply(id, results and results[i], code, index and index + i - 1, cause)
    end
  end
end

function effect_of.store(self, kind, ...)
  self.keeper[kind](self.keeper, ...)
end

function effect_of.sync(_, mark, index)
  mark.index = index
end

function effect_of.rejoin(self)
  self.is_rejoining = true
end

local function do_now(self, effect)
  effect_of[effect[1]](self, effect[2], effect[3], effect[4], effect[5], effect[6])
end

-- Carries out an effect if it may be done now. Returns false if it and all later ones must wait.
local function try_effect(self, effect)
  if self.keeper and not persistence.allows(self, effect) then
    return false
  elseif effect[1] == "note" then
    return persistence.note(self, effect[2], effect[3])
  end
  do_now(self, effect)
  return true
end

-- Carries out all effects, also those that are emitted meanwhile. One that was carried out becomes false, so that the
-- next turn goes on with the others if memory runs out. Returns false if some effects must wait.
local function try_all(self)
  local out = self.protocol.out
  for i, effect in ipairs(out) do
    if effect and not try_effect(self, effect) then
      self.protocol.out = list.from(out, i)
      return false
    end
    out[i] = false
  end
  if out[1] ~= nil then
    self.protocol.out = {}
  end
  return true
end

local function send_all(self)
  self.writer:flush()
  outbox.pump(self)
end

-- Carries out all effects, and those that the protocol then emits at its flush. Returns false if some must wait.
local function try_until_none(self)
  local protocol = self.protocol
  repeat
    if not try_all(self) then
      return false
    end
    protocol:flush()
  until #protocol.out == 0 or protocol.replaying
  return true
end

-- Other members wait for this member's acknowledgement. If it has no commands of its own in flight, it sends the
-- acknowledgement before it applies commands. Otherwise it sends the acknowledgement later, in one message with the
-- commands that callers submit when they get their results.
local function send_before_applying(self)
  local handle = self.record.handle
  if handle and self.protocol:waiting() == 0 then
    send_all(self)
    handle:flush()
  end
end

-- Carries out effects and applies confirmed commands until neither are left, or effects must wait. All effects wait
-- while a base is written.
local function carry_out_all(self)
  if persistence.is_writing(self) then
    return
  end
  local protocol = self.protocol
  while try_until_none(self) and protocol:has_confirmed() do
    send_before_applying(self)
    protocol:apply()
    if protocol.replaying then -- the next part in the next turn of the loop
      return
    end
  end
end

-- Whether there is more to do even if no event arrives.
function effects.has_work(self)
  local replays = self.protocol and self.protocol.replaying and not persistence.is_writing(self)
  return not self.has_ended and (self.stores_more or replays) and true or false
end

local function wake(self)
  if self.record.loop then
    self.record.loop.wake(self.record)
  elseif self.nudge then
    self.nudge()
  end
end

-- Carries out the waiting effects. After a replica was closed, events may still arrive until it has left, and have no
-- effects.
function effects.drain(self)
  self.has_new = false
  if self.has_ended then
    return
  elseif self.protocol then
    carry_out_all(self)
  end
  if self.keeper and self.protocol and not self.storage_problem then
    self.stores_more = persistence.work(self)
    carry_out_all(self)
  end
  send_all(self)
  if effects.has_work(self) then
    wake(self)
  end
end

-- Ends the waiting of callers. Unlike the protocol's effects, this must not wait for storage.
function effects.give_up(self, ids)
  effects.drain(self)
  local out = self.protocol.out
  local first = #out + 1
  self.protocol:give_up(list.set(ids))
  for i = first, #out do
    do_now(self, out[i])
    out[i] = false
  end
  effect_of.reply(self, ids, nil, "uncertain", nil, "unstored") -- those whose replies still wait for storage
end

return effects
