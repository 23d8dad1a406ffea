-- The generation that a member takes part in: which members are full, and what they have acknowledged.
--
-- An *epoch* is the time between two changes of the full members, of `nodes` or of `copies`. It is *established* when
-- all full members have sent an acknowledgement in it, which shows that they know of the change, and are on enough
-- nodes: a majority, or `copies`. Only then can commands be confirmed in it, and does a state count as of this epoch.
-- When a ring ends, one member may be the only one that knows of a change, or that has missed it; the epoch that it is
-- in then is never established. Of two established epochs, the full members of the later one have all that was
-- confirmed in the earlier one. The first epoch is established by the claims.
local fields = require "corosync.replica.protocol.fields"
local node_count = require "corosync.replica.protocol.node_count"

local generation = {}

local ABSENCE = 1 -- seconds after which a member that seems absent cannot know of this generation

local Generation = {}
Generation.__index = Generation

-- `decision`: a result of claims.decide.
function generation.new(decision, ring)
  local number = decision.generation
  return setmetatable({
    tag = ("%s.%s.%d"):format(tostring(ring.node), tostring(number.seq), number.round),
    start = number.start,
    seq = number.seq,
    round = number.round,
    epoch = number.epoch,
    stored = number.stored, -- whether a member with storage has taken part in it or in an earlier one
    changes = 0, -- a digest of the changes of the full members
    nodes = decision.nodes, -- in the nodelist
    copies = decision.copies, -- how many nodes must have a command before it is confirmed; nil for a majority
    announced = {}, -- by address: the `nodes` and `copies` that a member has announced since
    is_doubtful = decision.is_doubtful,
    full = fields.copy(decision.full),
    learners = fields.copy(decision.learners), -- nonces by address
    established = number.epoch, -- the last epoch that was established
    present = {}, -- by address: members that have acknowledged anything in this epoch
    acked = {}, -- by address: the index up to which it has acknowledged
    lagging = {}, -- by address: since when others wait for it
    absent = {}, -- by address: since when a member seems not to take part in this generation
  }, Generation)
end

local SIMPLE = { "tag", "start", "seq", "round", "epoch", "changes", "established", "nodes", "copies", "is_doubtful",
  "stored" }
local SETS = { "full", "learners", "present", "acked", "announced" }

-- Returns plain tables, from which generation.restore makes an equal generation.
function Generation:snapshot()
  return fields.take(self, {}, SIMPLE, SETS)
end

function generation.restore(snapshot)
  return fields.take(snapshot, setmetatable({ lagging = {}, absent = {} }, Generation), SIMPLE, SETS)
end

-- Returns its number, by which states are ordered (generation_number.lua). The epoch is the established one.
function Generation:number()
  return { start = self.start, seq = self.seq, round = self.round, epoch = self.established, stored = self.stored }
end

function Generation:is_established()
  return self.established == self.epoch
end

local function nodes_of(set)
  local found, count = {}, 0
  for address in pairs(set) do
    local node = node_count.node_of(address)
    count, found[node] = count + (found[node] and 0 or 1), true
  end
  return count, found
end

-- Whether the full members are on enough nodes to confirm commands.
function Generation:has_enough()
  if self.is_enough == nil then
    self.is_enough = nodes_of(self.full) >= node_count.needed(self.nodes, self.copies)
  end
  return self.is_enough
end

-- Whether the full members would still be enough without one of them.
function Generation:can_spare(address)
  local others = fields.copy(self.full)
  others[address] = nil
  return nodes_of(others) >= node_count.needed(self.nodes, self.copies)
end

-- Whether a neighbour of the member, another process of its node, is full, and the member is not.
function Generation:is_behind_neighbour(address)
  return not self.full[address] and select(2, nodes_of(self.full))[node_count.node_of(address)] == true
end

-- Members in the same epoch must have made the same changes, so their acknowledgements carry the digest `changes`.
local function begin_epoch(self, change)
  self.epoch, self.is_enough = self.epoch + 1, nil
  self.present, self.acked, self.lagging = {}, {}, {}
  for i = 1, #change do
    self.changes = (self.changes * 31 + change:byte(i)) % 1000000007
  end
end

-- Makes a learner full.
function Generation:promote(address)
  self.learners[address], self.full[address] = nil, true
  begin_epoch(self, "+" .. address)
end

-- Whether every majority of the nodes has a full member.
local function is_in_each_majority(self)
  return nodes_of(self.full) > self.nodes - node_count.majority(self.nodes)
end

-- Returns the number of nodes that applies: the greatest in the nodelists of full members. A smaller number than before
-- applies only if the other nodes, whose nodelists may still be longer, cannot be a majority by these.
local function listed_nodes(self)
  local nodes = is_in_each_majority(self) and 0 or self.nodes
  for address in pairs(self.full) do
    nodes = math.max(nodes, (self.announced[address] or self).nodes)
  end
  return nodes
end

-- Takes a member out. Returns whether it was full.
function Generation:drop(address)
  local was_full = self.full[address]
  self.full[address], self.learners[address] = nil, nil
  self.absent[address], self.announced[address] = nil, nil
  if was_full then
    self.nodes = listed_nodes(self)
    begin_epoch(self, "-" .. address)
  end
  return was_full
end

-- Returns the number of copies that applies, by the same rule.
local function wanted_copies(self)
  local copies = 0
  if not is_in_each_majority(self) then
    copies = self.copies
  end
  for address in pairs(self.full) do
    copies = node_count.more_copies(copies, (self.announced[address] or self).copies)
  end
  return copies
end

-- A full member announces its `nodes` and `copies`. Greater numbers apply at once, smaller ones when all full members
-- have announced them: otherwise a majority by the smaller number could be here, and one by the greater number
-- elsewhere. Returns whether the generation's numbers have changed.
function Generation:announce(address, numbers)
  self.announced[address] = { nodes = numbers.nodes, copies = numbers.copies }
  local nodes, copies = listed_nodes(self), wanted_copies(self)
  if nodes == self.nodes and copies == self.copies then
    return false
  end
  self.nodes, self.copies = nodes, copies
  begin_epoch(self, ("=%d/%s"):format(nodes, tostring(copies)))
  return true
end

-- Returns the full member that sends a learner its snapshot; all members choose the same one. Each attempt has another
-- donor, because one may be paused.
function Generation:donor(attempt)
  local addresses = {}
  for address in pairs(self.full) do
    addresses[#addresses + 1] = address
  end
  table.sort(addresses)
  return addresses[attempt % #addresses + 1]
end

-- A full member has the log up to an index. This counts as acknowledged only if the epoch is established for that
-- member.
function Generation:ack(address, index, is_established)
  self.lagging[address], self.absent[address] = nil, nil
  self.present[address] = true
  if is_established then
    self.acked[address] = math.max(self.acked[address] or 0, index)
  end
end

-- Establishes the epoch if, as seen from a member, it can be established now. Returns whether it can.
function Generation:establish(address)
  if not self:has_enough() then
    return false
  end
  for other in pairs(self.full) do
    if other ~= address and not self.present[other] then
      return false
    end
  end
  self.established = self.epoch
  return true
end

-- Returns the index up to which all full members have acknowledged in this epoch, as seen from the member `address`,
-- which itself has the log up to `index`.
function Generation:confirmed(address, index)
  local acked, least = self.acked, index
  for other in pairs(self.full) do
    if other ~= address and (acked[other] or 0) < least then
      least = acked[other] or 0
    end
  end
  return least
end

-- A member has claimed, or has acknowledged commands of another generation. It may have done so before it knew of this
-- one; then an acknowledgement in this generation will follow.
function Generation:note_absence(address, now)
  -- If the full members are enough, it does not matter what other members do.
  if self.full[address] or not self:has_enough() then
    self.absent[address] = self.absent[address] or now
  end
end

-- `durable`: whether the learner has storage.
function Generation:add_learner(address, nonce, durable)
  self.learners[address], self.absent[address] = nonce, nil
  self.stored = self.stored or durable
end

-- Whether any member has seemed absent for so long that it cannot know of this generation.
function Generation:is_unknown_to_some(now)
  for _, since in pairs(self.absent) do
    if now - since > ABSENCE then
      return true
    end
  end
  return false
end

-- Returns the full members for which others have waited longer than `patience`; each is returned once in that time.
function Generation:lagging_members(address, index, now, patience)
  local found = {}
  for other in pairs(self.full) do
    local has_said = self.present[other]
    if self:is_established() then
      has_said = (self.acked[other] or 0) >= index
    end
    if has_said or other == address then
      self.lagging[other] = nil
    elseif not self.lagging[other] then
      self.lagging[other] = now
    elseif now - self.lagging[other] > patience then
      self.lagging[other] = now
      found[#found + 1] = other
    end
  end
  table.sort(found)
  return found
end

-- Returns the full members that others wait for, in order, as of the last `lagging_members`.
function Generation:awaited()
  local found = {}
  for address in pairs(self.lagging) do
    found[#found + 1] = address
  end
  table.sort(found)
  return found
end

return generation
