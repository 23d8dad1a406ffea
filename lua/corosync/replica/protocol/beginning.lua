-- Begins a generation as the members have decided from the claims.
local commands = require "corosync.replica.protocol.commands"
local confirming = require "corosync.replica.protocol.confirming"
local generation = require "corosync.replica.protocol.generation"
local learning = require "corosync.replica.protocol.learning"
local log = require "corosync.replica.protocol.log"
local standing = require "corosync.replica.protocol.standing"
local storing = require "corosync.replica.protocol.storing"

local beginning = {}

-- Prepares log and machine of a member that is full from the start. They stay as they are unless the start is fresh or
-- doubtful.
local function begin_state(self, decision)
  if decision.is_fresh then
    self.machine.reset()
    self.log = log.new(decision.index, self.hash)
  elseif decision.is_doubtful then
    self.log:move(decision.applied, decision.index)
  else
    return
  end
  storing.replaced(self)
end

local function begin_full(self, decision)
  self.status, self.learner_pause = "ready", self.patience
  begin_state(self, decision)
  confirming.holds_generation(self)
  self.ack_due = true
  standing.update(self)
  confirming.announce_nodes(self)
  for _, address in ipairs(self.members) do
    local nonce = decision.learners[address]
    if nonce then
      learning.send_snapshot(self, address, nonce, 0)
    end
  end
  confirming.confirm(self)
  commands.send_again(self)
end

-- `nonce`: of this member's claim.
function beginning.begin(self, decision, nonce)
  local active = generation.new(decision, self.ring)
  if decision.full[self.address] then
    self.active, self.awaiting = active, nil
    begin_full(self, decision)
  else
    standing.begin_as_learner(self, active)
    learning.wait_for_snapshot(self, nonce)
  end
end

return beginning
