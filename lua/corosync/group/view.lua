-- Makes settled views of a group. The members, the ring that they are on, and that ring's quorum are reported at
-- different times and on two connections. A view is made when all three belong together.
--
-- Without a quorum provider there is one quorum event, with nil and without a ring: then members and ring make a view.
--
-- This relies on Corosync's order: changes of members that a node causes come before the new ring, and all of them
-- together (exec/cpg.c, cpg_sync_activate); quorum events name their ring.

local core = require "corosync.binding"
local list = require "corosync.list"

local Views = {}
Views.__index = Views

local now = core.now
local copy, set_of = list.copy, list.set

-- The older model of libquorum has no node in its ring.
local function same_ring(one, other)
  return one.seq == other.seq and (one.node == other.node or not one.node or not other.node)
end

local function touch(self)
  self.changed_at = now()
end

-- Called by the group: its members have changed.
function Views:config_change(members, left, joined)
  for _, address in ipairs(left) do
    self.departed[address] = self.last_set[address]
    self.reasons[address] = nil
    self.expects_ring = self.expects_ring or address.reason == "nodedown"
  end
  for _, address in ipairs(joined) do
    self.reasons[address] = address.reason
    self.expects_ring = self.expects_ring or address.reason == "nodeup"
  end
  self.members = copy(members)
  touch(self)
end

-- Called by the group: a copy of the members after the last change, or nil.
function Views:copy_members()
  return self.members and copy(self.members)
end

local function same_nodes(some, others)
  local set = set_of(others)
  for _, node in ipairs(some) do
    if not set[node] then
      return false
    end
  end
  return #some == #others
end

-- Called by the group when it is on a ring. A process that joins while a ring is forming may be told of it twice, first
-- with the nodes of the previous ring.
function Views:ring_change(ring, nodes)
  self.expects_ring = false
  if not self.ring or not same_ring(self.ring, ring) or not same_nodes(self.nodes, nodes) then
    self.ring, self.nodes = ring, nodes
    touch(self)
  end
end

local function on_quorum(self, quorate, ring)
  local last = self.quorum
  if not last or last.quorate ~= quorate or not same_ring(last.ring, ring) then
    self.quorum = { quorate = quorate, ring = ring }
    touch(self)
  end
end

-- Returns the ring, its nodes, the last quorum event, and the view unless something has changed since then. Does not
-- ask Corosync. Each may be nil.
function Views:known()
  return self.ring, self.nodes, self.quorum, self:present()
end

-- Opens the connection to quorum unless it is open. Returns true, or nil, message, code.
function Views:open()
  if self.handle then
    return true
  end
  local handle, message, code = self.open_quorum {
    daemon_user = self.daemon_user,
    quorum_change = function(quorate, _, ring) on_quorum(self, quorate, ring) end,
  }
  self.handle = handle
  return handle and true, message, code
end

function Views:close()
  if self.handle then
    self.handle:close()
    self.handle = nil
  end
end

function Views:fd()
  return self.handle:fd()
end

-- Fetches the events of quorum. With `seconds`, waits up to that long for the first one. Returns true, or nil, message,
-- code.
function Views:fetch(seconds)
  if not self.handle then
    return true
  elseif seconds and not self.quorum then
    self.handle:wait(seconds)
  end
  local handled, more, code
  repeat
    handled, more, code = self.handle:dispatch()
  until more ~= true
  return handled and true, more, code
end

-- Returns the ring of the last quorum event, if that ring is quorate.
function Views:quorate_ring()
  return self.quorum and self.quorum.quorate and self.quorum.ring or nil
end

local function all_on_ring(self)
  local on_ring = set_of(self.nodes)
  for _, address in ipairs(self.members) do
    if not on_ring[address.node] then
      return false
    end
  end
  return true
end

local function belongs_together(self)
  return self.members and self.ring and self.quorum and not self.expects_ring
    and (self.quorum.quorate == nil or same_ring(self.quorum.ring, self.ring)) and all_on_ring(self)
end

-- Returns the members of the last view that have left, even if they came back, and the members that are new or came
-- back.
local function differences(self)
  local left, joined, present = {}, {}, set_of(self.members)
  for _, address in ipairs(self.last) do
    if self.departed[address] or not present[address] then
      left[#left + 1] = address
    end
  end
  for _, address in ipairs(self.members) do
    if self.departed[address] or not self.last_set[address] then
      joined[#joined + 1] = address
    end
  end
  return left, joined
end

-- Returns the members on this member's former side, and those that came together with their nodes; nil if there are no
-- such.
local function sides(self)
  local ours, theirs, first = {}, {}, self.view == nil
  for _, address in ipairs(self.members) do
    local reason = self.reasons[address]
    if reason == "nodeup" then
      theirs[#theirs + 1] = address
    elseif not reason or first then
      ours[#ours + 1] = address
    end
  end
  return theirs[1] and { ours, theirs }
end

-- Returns the next view, once it is due.
function Views:make()
  local left, joined = differences(self)
  local view = {
    members = copy(self.members),
    ring = { node = self.ring.node, seq = self.ring.seq },
    nodes = copy(self.nodes),
    quorate = self.quorum.quorate,
    reason = self.quorum.quorate == nil and "no_quorum_provider" or nil,
    left = left,
    joined = joined,
    merged = sides(self),
  }
  self.view, self.last, self.last_set = view, self.members, set_of(self.members)
  self.departed, self.reasons, self.changed_at = {}, {}, nil
  return view
end

-- Returns the seconds until a new view is due if nothing else changes, 0 or less if it can be made now; nil if no new
-- view is to come.
function Views:due(settle)
  return self.changed_at and belongs_together(self) and self.changed_at + settle - now() or nil
end

-- Returns the last view, unless something has changed since.
function Views:present()
  return not self.changed_at and self.view or nil
end

return {
  new = function(daemon_user, open_quorum)
    return setmetatable({
      open_quorum = open_quorum,
      daemon_user = daemon_user,
      last = {}, -- the members in the last view,
      last_set = {}, -- and the same as a set
      departed = {}, -- those of them that have left; no others, because others come and go without end
      reasons = {}, -- why a new member came
    }, Views)
  end,
}
