-- A member's periodic work, a few times a second.
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local events = require "corosync.replica.member.events"
local membership = require "corosync.replica.member.membership"
local parts = require "corosync.replica.parts"
local persistence = require "corosync.replica.member.persistence"
local submitting = require "corosync.replica.member.submitting"

local clock = { TICK = 0.25 } -- seconds

local now = core.now

-- The group may never report the present ring to a process that was paused, but quorum's events name it.
local function look_for_unreported_ring(self)
  local views = self.record.views
  local ring = views and self.record.state == "joined" and views:quorate_ring()
  local reported = self.protocol.ring
  if ring and reported and self.view and ring.seq ~= reported.seq and ring.seq ~= self.unreported_seq then
    self.unreported_seq = ring.seq
    self.protocol:view_change { ring = ring, nodes = self.view.nodes, floor = self.view.floor }
  end
end

-- A change of the nodelist comes without a view.
local function look_for_nodes(self)
  local nodes = self.view and self.record.state == "joined" and cluster.node_count()
  if nodes and nodes ~= self.view.nodes then
    self.view.nodes = nodes
    self.protocol:nodes_changed(nodes)
  end
end

local function look_for_divergence(self)
  local active = self.protocol.active
  if not active or not self.divergence:is_due(self.protocol.log.applied) then
    return
  end
  local digests = self.divergence:news()
  if digests and active.full[self.address] then
    self.writer:add { kind = "digests", digests = digests }
  end
  local found, is_wrong = self.divergence:find(self.address, active.full)
  if found and is_wrong then
    self.divergence:forget_all()
    self:report(("diverged: the state of machine %s of replica %s differs from that of %s at index %.0f; its apply "
      .. "depends on more than the state and the command, or members run different versions of the script. This member "
      .. "takes the state of the others")
      :format(errors.quote(found.machine), errors.quote(self.name), table.concat(found.members, ", "), found.index))
    self.protocol:forget()
  end
end

function clock.tick(self)
  if self.calls then
    self.calls:tick(now())
  end
  self.next_tick = now() + clock.TICK
  if self.gives_up then
    membership.give_up(self)
  elseif self.storage_problem then
    persistence.try_again(self)
  end
  parts.tick(self)
  if self.protocol then
    self.protocol:time(now())
    if self.unread_view then
      events.take_view(self)
    end
    look_for_unreported_ring(self)
    look_for_nodes(self)
    look_for_divergence(self)
    self.seen_members = nil -- so that the ready-made objects are maintained at each tick: they depend on the clock
  end
  submitting.end_overdue(self)
end

return clock
