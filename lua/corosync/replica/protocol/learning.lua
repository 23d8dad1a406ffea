-- How a member without the state gets it. A full member, the donor, cuts a snapshot at the point in the order where it
-- receives the learner's claim, or at the start of the generation. The learner keeps later events, restores the
-- snapshot, replays the events, and sends "learned". A full member then sends "promote", and all members count the
-- learner as full from that point on.
local commands = require "corosync.replica.protocol.commands"
local confirming = require "corosync.replica.protocol.confirming"
local generation = require "corosync.replica.protocol.generation"
local generation_number = require "corosync.replica.protocol.generation_number"
local log = require "corosync.replica.protocol.log"
local standing = require "corosync.replica.protocol.standing"
local storing = require "corosync.replica.protocol.storing"

local learning = {}

local QUEUE_LIMIT = 200000 -- events that a learner keeps; if there are more, it claims again

-- ---- full members ----

-- Sends a learner its snapshot, if this member is its donor.
function learning.send_snapshot(self, address, nonce, attempt)
  local active = self.active
  if active:donor(attempt) == self.address then
    self:send { kind = "snapshot", to = address, nonce = nonce, active = active:snapshot(), log = self.log:snapshot(),
      state = self.machine.snapshot() }
  end
end

function learning.add_learner(self, address, nonce, attempt, durable)
  self.active:add_learner(address, nonce, durable)
  if confirming.is_full(self) then
    learning.send_snapshot(self, address, nonce, attempt)
  end
end

-- A learner has replayed all events. The message "promote" lets all members make it full at the same point in the
-- order.
function learning.on_learned(self, from, message)
  local active = self.active
  local is_known = active.learners[from] == message.nonce and self.log:agrees(message.index, message.digest)
  if is_known and confirming.is_full(self) and active:donor(message.attempt) == self.address then
    self:send { kind = "promote", tag = active.tag, who = from, nonce = message.nonce }
  end
end

function learning.on_promote(self, _, message)
  local active = self.active
  if active.learners[message.who] ~= message.nonce then
    return
  end
  active:promote(message.who)
  if message.who == self.address then
    self.status, self.following, self.learner_pause = "ready", nil, self.patience
    confirming.announce_nodes(self)
  end
  confirming.epoch_changed(self)
end

-- A full member that does not acknowledge must not block the others. It still follows, so it becomes full again as soon
-- as it sends "learned".
function learning.on_exclude(self, from, message)
  local active, who = self.active, message.who
  local is_valid = message.epoch == active.epoch and message.changes == active.changes and active.full[from]
    and active.full[who] and active:can_spare(who)
  if not is_valid then
    return
  end
  active:drop(who)
  local nonce = "excluded." .. message.epoch
  active.learners[who] = nonce
  if who == self.address then
    learning.follow(self, nonce)
  end
  confirming.epoch_changed(self)
end

-- ---- the learner ----

-- From its claim on, a learner keeps all events, to replay them after the snapshot. `status`: its status until then, if
-- not "learning".
function learning.wait_for_snapshot(self, nonce, status)
  self.status = status or "learning"
  self.awaiting = { nonce = nonce, queue = {} }
end

-- Begins to follow. A learner that has the state sends "learned" until it is full. An observer only follows.
function learning.follow(self, nonce)
  if self.observer then
    self.status, self.learner_pause = "observing", self.patience
    return
  end
  self.status = "learning"
  self.following = { nonce = nonce, since = self.now }
  learning.send_learned(self)
end

function learning.send_learned(self)
  local following = self.following
  following.said_at, following.times = self.now, (following.times or -1) + 1
  self:send { kind = "learned", tag = self.active.tag, nonce = following.nonce, index = self.log.index,
    digest = self.log.digest, attempt = following.times }
end

-- This member's own claim has come back after the snapshot for an earlier claim. The others expect its nonce in
-- "learned" from now on.
function learning.claim_again(self, nonce)
  if not confirming.is_full(self) then
    self.active.learners[self.address] = nonce
    learning.follow(self, nonce)
  end
end

-- Keeps an event, to be replayed after the snapshot.
function learning.keep(self, event)
  local queue = self.awaiting.queue
  queue[#queue + 1] = event
  if #queue > QUEUE_LIMIT then
    self.awaiting = nil
  end
end

-- Returns roughly how long an event takes to replay, in units of one command.
local function cost_of(event)
  local message = event.message
  return 1 + (message and message.kind == "commands" and #message.list or 0)
end

-- Keeps an event that arrives while earlier ones are replayed. For each new event, two more are replayed at the next
-- flush, so the replay catches up even if events keep coming.
function learning.keep_for_replay(self, event)
  local work = self.replaying
  work.queue[#work.queue + 1] = event
  work.due = work.due + 2 * cost_of(event)
end

local function finish_replay(self, nonce)
  self.replaying = nil
  standing.update(self)
  confirming.confirm(self)
  commands.send_again(self)
  if not confirming.is_full(self) and not self.following then
    learning.follow(self, nonce)
  end
end

-- Replays some of the events that came after the snapshot was cut. Replaying all of them at once would block the loop.
function learning.replay_some(self)
  local work = self.replaying
  local left = math.max(self.replayed_at_once, work.due)
  work.due = 0
  while left > 0 and work.first <= #work.queue do
    local event = work.queue[work.first]
    work.queue[work.first] = false
    work.first = work.first + 1
    left = left - cost_of(event)
    self:replay(event)
    if self.replaying ~= work then -- the generation has ended
      return
    end
  end
  if work.first > #work.queue then
    finish_replay(self, work.nonce)
  end
end

-- Replaces this member's state. Until an epoch is established in which it is full, the state does not count as the
-- generation's, because it may lack commands.
local function restore(self, message)
  self.active = generation.restore(message.active)
  self.machine.restore(message.state)
  self.log = log.restore(message.log, self.hash)
  self.generation, self.partial, self.nodes = self.active:number(), true, self.active.nodes
  self.status, self.claims, self.ready, self.ready_sent = "learning", {}, {}, nil
  self.active.learners[self.address] = message.nonce
  storing.replaced(self)
end

function learning.on_snapshot(self, _, message)
  local awaiting = self.awaiting
  if self.active or not awaiting or message.to ~= self.address or message.nonce ~= awaiting.nonce
    or generation_number.has_promised_later(self.promised, message.active) then
    return
  end
  self.awaiting = nil
  restore(self, message)
  self.replaying = { nonce = message.nonce, queue = awaiting.queue, first = 1, due = 0 }
  learning.replay_some(self)
end

return learning
