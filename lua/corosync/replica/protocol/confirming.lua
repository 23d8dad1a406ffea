-- Commands are applied, and their callers answered, when all full members have acknowledged them in the present epoch
-- and these are a majority of the nodes (or `copies`, if that is less). Members that do not acknowledge are excluded.
--
-- A majority of acknowledgements would not suffice: after a cut, the longest log of the remaining members may lack a
-- command that others have. Nor would acknowledgements of an earlier epoch (generation.lua): when a ring ends, one
-- member may know of a change of the full members that another has missed, and they would count different members.
local commands = require "corosync.replica.protocol.commands"
local generation_number = require "corosync.replica.protocol.generation_number"
local standing = require "corosync.replica.protocol.standing"
local storing = require "corosync.replica.protocol.storing"

local confirming = {}

function confirming.is_full(self)
  return self.active ~= nil and self.active.full[self.address] == true
end

-- Returns the index up to which commands are confirmed, or 0 if all were applied. A full member counts the commands
-- that it has (with storage: has synced) as acknowledged by itself, before its acknowledgement comes back. Only its
-- first one of the epoch must have come back. That shows that its node noted the epoch before Corosync could end.
-- Otherwise another process of the node may not know of the epoch, while this one still handles events that it got
-- before.
local function confirmed(self)
  local active, is_full = self.active, confirming.is_full(self)
  local has_news = self.log.applied < self.log.index
  if not has_news or not active:is_established() or not active:has_enough()
    or is_full and not active.acked[self.address] then
    return 0
  end
  return active:confirmed(self.address, is_full and storing.own_index(self) or self.log.index)
end

-- Whether commands are confirmed and not yet applied.
function confirming.has_confirmed(self)
  return self.active ~= nil and self.log.applied < confirmed(self)
end

-- Applies the confirmed commands.
function confirming.confirm(self)
  if not self.active then
    return
  end
  local last = confirmed(self)
  local batch, index = self.log:next(last)
  while batch do
    local results = self.machine.apply(batch.list, index, batch.client == self.client)
    commands.applied(self, batch, results, index)
    batch, index = self.log:next(last)
  end
end

-- This member has a state of the present epoch. Its node keeps a note of that, because another process of the node,
-- with an older state, must not speak for the node.
function confirming.holds_generation(self)
  local number = self.active:number()
  self.generation, self.partial, self.nodes = number, false, self.active.nodes
  storing.unsynced(self)
  self:emit("note", "held", generation_number.text(number))
end

local function try_to_establish(self)
  local active = self.active
  if not active:is_established() and active:establish(self.address) and confirming.is_full(self) then
    confirming.holds_generation(self)
    self.ack_due = true
  end
end

-- The full members have changed, so those that remain must acknowledge again.
function confirming.epoch_changed(self)
  self.ack_due = confirming.is_full(self)
  standing.update(self)
  try_to_establish(self)
  confirming.confirm(self)
end

function confirming.on_commands(self, _, message)
  if self.log:append(message) then
    storing.entry(self, message)
    if message.client == self.client then
      self.own_ack_due = true
    else
      self.ack_due = true
    end
  else
    commands.refused(self, message)
  end
end

function confirming.on_ack(self, from, message)
  local active = self.active
  if not active.full[from] or message.epoch < active.epoch then
    return
  end
  local is_same = message.epoch == active.epoch and message.changes == active.changes
  if is_same and self.log:agrees(message.index, message.digest) then
    active:ack(from, message.index, message.is_established)
    try_to_establish(self)
    return
  end
  -- This member or the sender has missed something. All members claim again, and one of the two learns from the other.
  confirming.confirm(self)
  if confirming.is_full(self) then
    confirming.send_restart(self)
  else
    self:restart()
  end
end

-- Proposes to end the generation.
function confirming.send_restart(self)
  self:send { kind = "restart", tag = self.active.tag }
end

-- Announces the number of nodes in this member's nodelist and its `copies`, if they differ from the generation's.
function confirming.announce_nodes(self)
  local active, nodes = self.active, self.view and self.view.nodes
  if not confirming.is_full(self) or not nodes then
    return
  end
  local known = active.announced[self.address] or active
  if nodes ~= known.nodes or self.copies ~= known.copies then
    self:send { kind = "nodes", tag = active.tag, nodes = nodes, copies = self.copies }
  end
end

function confirming.on_nodes(self, from, message)
  if self.active.full[from] and self.active:announce(from, message) then
    confirming.epoch_changed(self)
  end
  confirming.announce_nodes(self)
end

local function send_ack(self)
  local active = self.active
  self.own_ack_due = false
  self:send {
    kind = "ack",
    tag = active.tag,
    epoch = active.epoch,
    changes = active.changes,
    is_established = active:is_established(),
    index = self.log.index,
    digest = self.log.digest,
  }
end

-- Acknowledges the commands that have arrived, after events or when time has passed. The acknowledgement of this
-- member's own commands can wait, because others need it only to apply them: it goes with the next commands, or when no
-- command is in flight. They are synced at once, because this member needs that to apply them.
function confirming.acknowledge(self)
  if confirming.is_full(self) then
    storing.sync(self)
    if self.ack_due or self.own_ack_due and not commands.are_in_flight(self) then
      send_ack(self)
    end
  end
  self.ack_due = false
end

-- Looks at the other members, because time has passed. Proposes to end the generation if a member does not know of it,
-- and to exclude full members for which the others have waited too long. Several members may propose the same
-- exclusion, so it is valid only in the present epoch, which the first one ends.
function confirming.check_others(self)
  local active = self.active
  self.ack_due = self.ack_due or self.own_ack_due
  if active:is_unknown_to_some(self.now) then
    confirming.send_restart(self)
  end
  for _, address in ipairs(active:lagging_members(self.address, self.log.index, self.now, self.patience)) do
    if active:can_spare(address) then
      self:send { kind = "exclude", tag = active.tag, epoch = active.epoch, changes = active.changes, who = address }
    end
  end
end

return confirming
