-- Passes the events of a member's group, and the messages of other members, to the protocol.
local claims = require "corosync.replica.protocol.claims"
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local membership = require "corosync.replica.member.membership"
local outbox = require "corosync.replica.member.outbox"
local parts = require "corosync.replica.parts"
local persistence = require "corosync.replica.member.persistence"
local protocol = require "corosync.replica.protocol"
local status = require "corosync.replica.member.status"
local submitting = require "corosync.replica.member.submitting"
local wire = require "corosync.replica.member.wire"

local NO_PROVIDER = "Corosync on this node has no quorum provider: set quorum { provider: corosync_votequorum } in "
  .. "corosync.conf on all nodes and restart Corosync"

local TURN = 0.005 -- seconds that a turn of the loop may spend on chunks of a snapshot
local FLOOR_STEP = 1048576 -- indices per second: more than any replica confirms on average

local now = core.now
local unpack = table.unpack or unpack -- luacheck: ignore 113

local events = {}

-- ---- addresses ----

local known_texts = setmetatable({}, { __mode = "k" }) -- by address: the binding has one table for each

local function text(address)
  local known = known_texts[address]
  if not known then
    known = tostring(address)
    known_texts[address] = known
  end
  return known
end

local function texts(addresses)
  local found = {}
  for i, address in ipairs(addresses) do
    found[i] = text(address)
  end
  return found
end

local function has_reason(addresses, reason)
  for _, address in ipairs(addresses) do
    if address.reason == reason then
      return true
    end
  end
  return false
end

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
    patience = self.options.patience,
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

local function includes(addresses, own)
  for _, address in ipairs(addresses) do
    if text(address) == own then
      return true
    end
  end
  return false
end

local function take_leave(self, address, reason)
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
  if not includes(members, own) then
    return -- its own leave
  elseif not self.protocol then
    begin_protocol(self, own)
  end
  local has_joined = includes(joined, own)
  if has_joined then
    outbox.forget(self)
  end
  for _, address in ipairs(left) do
    take_leave(self, text(address), address.reason)
  end
  self.protocol:config(texts(members), texts(left),
    has_joined or has_reason(left, "nodedown") or has_reason(joined, "nodeup"))
end

-- A ring may be reported before this member's join, with which the protocol begins.
function events.ring_change(self, ring)
  self.ring, self.unread_view = ring, nil
  if self.protocol then
    self.protocol:ring_change(ring)
  end
end

-- ---- messages ----

-- Closes the replica: without the right state the member must not take part.
function events.give_up_membership(self, what, problem)
  self:report(("%s: %s. Replica %s is closed here: fix the script and start it again"):format(what,
    error_text(problem), errors.quote(self.name)))
  membership.give_up(self)
end

-- Confirmed commands survive a loss of power only if a node with storage confirms nothing without storing it
-- (claims.lua).
local function warn_of_neighbour(self, from, claim)
  local has_storage = self.keeper or claim.durable
  local may_be_full = not self.options.observer and not claim.observer
  local is_neighbour = from ~= self.address and claims.node_of(from) == claims.node_of(self.address)
  if has_storage and may_be_full and is_neighbour and not self.neighbours[from] then
    self.neighbours[from] = true
    self:report(("process %s on this node is also a member of replica %s. On a node with storage, all processes "
      .. "but one that has storage must be observers (observer = true), or confirmed commands can be lost when the "
      .. "power fails"):format(from, errors.quote(self.name)))
  end
end

local takes = {}

function takes.claim(self, from, message)
  warn_of_neighbour(self, from, message)
  self.protocol:message(from, message)
end

function takes.call(self, from, message)
  if self.calls then
    self.calls:received(from, message)
  elseif not message.to or message.to == self.address then
    self:multicast { kind = "reply", to = from, id = message.id, ok = false, code = "not_exist",
      value = "this member has no functions to call" }
  end
end

function takes.reply(self, from, message)
  if self.calls then
    self.calls:replied(from, message)
  end
end

-- Each chunk of a snapshot takes long to process, so one turn of the loop must not process all that have piled up.
local function end_long_turn(self)
  if self.turn_began and now() - self.turn_began > TURN then
    self.group:stop()
  end
end

function takes.chunk(self, from, message)
  if from == self.address then
    self.outgoing:echoed(message)
  end
  local cut = self.protocol.cut
  if message.to == self.address and cut and self.incoming:chunk(from, message, cut.nonce) then
    self.protocol:progress(now())
  end
  end_long_turn(self)
end

function takes.snapshot(self, from, message)
  if message.to ~= self.address then
    return self.protocol:message(from, message)
  end
  message = self.incoming:complete(from, message)
  if not message then
    return
  end
  local ok, problem = message.state:build()
  self.protocol:progress(now()) -- restoring may have taken long
  if ok then
    self.protocol:message(from, message)
  else
    events.give_up_membership(self, ("cannot restore the state that member %s has sent"):format(from), problem)
  end
end

-- The sender cannot send this member the state. Another one may, when this member claims again.
function takes.refusal(self, from, message)
  if message.to == self.address then
    self.refusal = { nonce = message.nonce, text = ("member %s cannot send it the state: %s"):format(from,
      message.problem) }
  end
end

function takes.digests(self, from, message)
  if from ~= self.address then
    self.divergence:take(from, message.digests)
  end
end

local function report_stranger(self, from, why)
  if not self.strangers[from] then
    self.strangers[from] = true
    self:report(("member %s of group %s sent a message that is %s: it is not a member of this replica"):format(from,
      errors.quote(self.group.name), why))
  end
end

function events.message_received(self, address, bytes)
  local from, outgoing = text(address), self.outgoing
  outgoing.received = outgoing.received + #bytes
  local message, second = wire.read(bytes)
  local take = message and takes[message.kind]
  if take then
    take(self, from, message)
  elseif message then
    self.protocol:message(from, message)
  else
    report_stranger(self, from, second)
  end
  if message and second then
    self.protocol:message(from, second)
  end
end

-- ---- views ----

-- Returns the protocol's view of a ring, from Corosync's map and the node's notes; or nil, message.
local function read_view(self, ring)
  local nodes, message = cluster.node_count()
  local found
  if nodes then
    found, message = persistence.read_notes(self)
  end
  if not found then
    return nil, message
  end
  return { ring = ring, nodes = nodes, floor = math.floor(core.time() * FLOOR_STEP), noted = found.noted,
    newest = found.newest }
end

-- Passes the last view to the protocol. If the map or the notes cannot be read, the next tick tries again, because
-- perhaps no other view follows.
function events.take_view(self)
  local found, message = read_view(self, self.unread_view.ring)
  if found then
    self.reason, self.unread_view, self.view = nil, nil, found
    self.protocol:settled(found)
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
