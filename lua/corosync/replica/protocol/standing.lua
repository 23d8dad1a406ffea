-- Whether a member speaks for its node when states are counted (claims.lua). If a node has several processes, one may
-- have an old state while another is full, or was until it ended. Then the node was part of the majority that confirmed
-- commands which the old state lacks. So a process stops speaking for its node when it learns of such a process, until
-- it is full itself.
local generation_number = require "corosync.replica.protocol.generation_number"
local node_count = require "corosync.replica.protocol.node_count"

local standing = {}

local function is_other_process(self, address)
  return address ~= self.address and node_count.node_of(address) == node_count.node_of(self.address)
end

-- Called when the full members of this member's generation have changed.
function standing.update(self)
  if self.active.full[self.address] then
    self.standing = true
  elseif self.active:is_behind_neighbour(self.address) then
    self.standing = false
  end
end

-- Called when a generation begins in which this member is a learner.
function standing.begin_as_learner(self, active)
  self.standing = self.standing and not active:is_behind_neighbour(self.address)
end

-- A message of a generation in which this member takes no part may show that another process of the node is full in a
-- later epoch.
function standing.on_message(self, from, message)
  local is_newer = message.tag ~= self.last_tag or message.epoch ~= self.last_epoch
  local who = message.kind == "promote" and message.who or message.kind == "ack" and from
  if is_newer and who and is_other_process(self, who) then
    self.standing = false
  end
end

-- A generation is about to begin with another process of the node. `is_in`: whether this process takes part, too.
function standing.on_ready(self, from, is_in)
  if is_other_process(self, from) and not is_in then
    self.standing = false
  end
end

-- `text`: the newest generation that a process of the node has noted, perhaps while this one was not connected.
function standing.on_note(self, text)
  local newest = generation_number.parse(text)
  if self.generation and newest then
    self.standing = self.standing and generation_number.compare(newest, self.generation) <= 0
  end
end

return standing
