-- Passes the events of a member's group to the protocol, other than messages.
local addresses = require "corosync.replica.member.addresses"
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local outbox = require "corosync.replica.member.outbox"
local parts = require "corosync.replica.parts"
local persistence = require "corosync.replica.member.persistence"
local protocol = require "corosync.replica.protocol"
local reconnect = require "corosync.reconnect"
local status = require "corosync.replica.member.status"
local submitting = require "corosync.replica.member.submitting"

local NO_PROVIDER = "Corosync on this node has no quorum provider: set quorum { provider: corosync_votequorum } in "
  .. "corosync.conf on all nodes and restart Corosync"

local FLOOR_STEP = 1048576 -- indices per second: more than any replica confirms on average

local now, text = core.now, addresses.text
local unpack = table.unpack or unpack -- luacheck: ignore 113

local events = {}

-- ---- the protocol ----

-- Returns a text that differs for each start of a process.
local function new_incarnation()
  return ("%x.%x"):format(os.time(), math.floor(now() * 1000000) % 4294967296)
end

local function digest(earlier, batch)
  return core.digest((earlier + batch.seq) % 9007199254740992, batch.client, unpack(batch.list))
end

local function protocol_machine(self)
  local all = self.machines
  return {
    apply = function(...) return all:apply(...) end,
    reset = function() all:reset() end,
    restore = function(state)
      self.stored_index = nil -- the state is another member's
      all:restore(state)
    end,
    snapshot = function() return all:snapshot() end,
  }
end

local function begin_protocol(self, own)
  self.address = own
  self.protocol = protocol.new {
    address = own,
    incarnation = new_incarnation(),
    machine = protocol_machine(self),
    hash = digest,
    now = now(),
    patience = self.options.patience,
    reconnect = reconnect.WITHIN,
    observer = self.options.observer,
    copies = self.options.copies,
    durable = self.keeper ~= nil,
    stored = self.stored,
  }
  self.stored_index = self.stored and self.protocol.log and self.protocol.log.index
  self.stored = nil
  if self.ring then
    self.protocol:ring_change(self.ring)
  end
  submitting.submit_early(self)
end

-- ---- members and rings ----

local function member_left(self, address, reason)
  self.ended[address] = reason ~= "nodedown" or nil
  self.outgoing:cancel(address)
  self.divergence:forget(address)
  if self.calls then
    self.calls:left(address)
  end
end

function events.config_change(self, members, left, joined)
  self.unread_view = nil
  local own = self.address or text(self.group:address())
  self.members, self.present = members, {}
  for _, address in ipairs(members) do
    self.present[text(address)] = true
  end
  if not addresses.include(members, own) then
    return -- its own leave
  elseif not self.protocol then
    begin_protocol(self, own)
  end
  local has_joined = addresses.include(joined, own)
  if has_joined then
    outbox.forget(self)
  end
  for _, address in ipairs(left) do
    member_left(self, text(address), address.reason)
  end
  self.protocol:config_change(addresses.texts(members), addresses.texts(left),
    has_joined or addresses.have_reason(left, "nodedown") or addresses.have_reason(joined, "nodeup"))
end

-- A ring may be reported before this member's join, with which the protocol begins.
function events.ring_change(self, ring)
  self.ring, self.unread_view = ring, nil
  if self.protocol then
    self.protocol:ring_change(ring)
  end
end

-- ---- views ----

local function as_texts(nodes)
  local texts = {}
  for i, node in ipairs(nodes) do
    texts[i] = ("%.0f"):format(node)
  end
  return texts
end

-- Returns what the protocol must know of a view, also from Corosync's map and the node's notes; or nil, message.
local function complete(self, view)
  local nodes, message = cluster.node_count()
  local found
  if nodes then
    found, message = persistence.read_notes(self)
  end
  if not found then
    return nil, message
  end
  return { ring = view.ring, nodes = nodes, on_ring = as_texts(view.nodes),
    floor = math.floor(core.time() * FLOOR_STEP), noted = found.noted, promised = found.promised }
end

-- Passes the last view to the protocol. If the map or the notes cannot be read, the next tick tries again, because
-- perhaps no other view follows.
function events.take_view(self)
  local found, message = complete(self, self.unread_view)
  if found then
    self.reason, self.unread_view, self.view = nil, nil, found
    self.protocol:view_change(found)
  elseif message ~= self.reason then
    self.reason = message
    self:report(message)
  end
end

function events.view_change(self, view)
  if view.quorate then
    self.unread_view = view
    events.take_view(self)
  else
    self.unread_view = nil
    self.reason = view.reason and NO_PROVIDER or "this side of the cluster has no quorum"
  end
end

function events.disconnected(self)
  self.unread_view = nil
  outbox.forget(self)
  self.divergence:forget_all()
  if self.calls then
    self.calls:lost("Corosync on this node has gone", "not_connected")
  end
  if self.protocol then
    self.protocol:restart()
  end
  parts.left(self, "disconnected")
  status.tell(self)
end

return events
