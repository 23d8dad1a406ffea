-- Passes each message to the file that handles it. Which one that is depends on whether this member takes part in a
-- generation, replays events, or waits for a snapshot. The kinds of messages:
--
--   claim      describes the sender's state (claims.lua)
--   ready      the sender has received the claims with this digest, and promises the next generation (claiming.lua)
--   commands   a batch of the sender's commands (commands.lua)
--   ack        a full member has the log up to an index (confirming.lua)
--   nodes      a full member's number of nodes in the nodelist, and its `copies`
--   exclude    proposes that a full member which does not acknowledge becomes a learner
--   restart    proposes that the generation ends, and all members claim again
--   snapshot   a donor's state for a learner (learning.lua)
--   learned    a learner has restored the snapshot and replayed the events since
--   promote    makes this learner full
--
-- Messages other than "claim", "ready" and "snapshot" carry the tag of their generation.
local claiming = require "corosync.replica.protocol.claiming"
local confirming = require "corosync.replica.protocol.confirming"
local learning = require "corosync.replica.protocol.learning"
local standing = require "corosync.replica.protocol.standing"

local messages = {}

local handlers = {
  commands = confirming.on_commands,
  ack = confirming.on_ack,
  exclude = learning.on_exclude,
  learned = learning.on_learned,
  promote = learning.on_promote,
  nodes = confirming.on_nodes,
}

function handlers.restart(self)
  claiming.restart(self)
end

-- Members have left the group while this member takes part in a generation.
function messages.leave(self, left)
  local has_changed = false
  for _, address in ipairs(left) do
    has_changed = self.active:drop(address) or has_changed
  end
  if next(self.active.full) == nil then
    claiming.restart(self)
  elseif has_changed then
    confirming.epoch_changed(self)
  end
end

-- Processes a message while this member takes part in a generation.
local function process(self, from, message)
  local handler = handlers[message.kind]
  if handler and message.tag == self.active.tag then
    handler(self, from, message)
  elseif message.kind == "claim" then
    claiming.on_claim(self, from, message)
  elseif message.kind == "ack" then
    self.active:note_absence(from, self.now)
  end
end

-- Processes a message while this member takes part in no generation.
local function process_outside(self, from, message)
  standing.on_message(self, from, message)
  if self.awaiting and not (message.kind == "claim" and from == self.address) then
    learning.keep(self, { from = from, message = message })
  end
  if message.kind == "claim" then
    claiming.on_claim(self, from, message)
  elseif message.kind == "restart" then
    claiming.on_restart(self)
  elseif message.kind == "ack" then
    claiming.on_ack(self, from, message)
  end
end

-- Confirmed commands are applied when `apply` is called, and before any event is processed other than these messages.
local MAY_WAIT = { ack = true, commands = true }

local function apply_before(self, kind)
  if not MAY_WAIT[kind] then
    confirming.confirm(self)
  end
end

-- Processes an event after a snapshot that was cut before it.
function messages.replay(self, event)
  apply_before(self, event.message and event.message.kind)
  if event.left then
    messages.leave(self, event.left)
  else
    process(self, event.from, event.message)
  end
end

function messages.receive(self, from, message)
  local kind = message.kind
  apply_before(self, kind)
  if not self.ring then
    return
  elseif kind == "ready" then
    claiming.on_ready(self, from, message)
  elseif kind == "snapshot" then
    learning.on_snapshot(self, from, message)
  elseif self.replaying then
    learning.keep_for_replay(self, { from = from, message = message })
  elseif self.active then
    process(self, from, message)
  else
    process_outside(self, from, message)
  end
  local active = self.active
  if active then
    self.last_tag, self.last_epoch = active.tag, active.epoch
  end
end

return messages
