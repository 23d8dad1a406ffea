-- Passes the messages of members to the protocol, to calls of functions, or to snapshots in transit.
local addresses = require "corosync.replica.member.addresses"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local membership = require "corosync.replica.member.membership"
local node_count = require "corosync.replica.protocol.node_count"
local wire = require "corosync.replica.member.wire"

local TURN = 0.005 -- seconds that a turn of the loop may spend on chunks of a snapshot

local now, text = core.now, addresses.text

local messages = {}

-- Confirmed commands survive a loss of power only if a node with storage confirms nothing without storing it
-- (claims.lua).
local function warn_of_neighbour(self, from, claim)
  local has_storage = self.keeper or claim.durable
  local may_be_full = not self.options.observer and not claim.observer
  local is_neighbour = from ~= self.address and node_count.node_of(from) == node_count.node_of(self.address)
  if has_storage and may_be_full and is_neighbour and not self.neighbours[from] then
    self.neighbours[from] = true
    self:report(("process %s on this node is also a member of replica %s. If a process of a node has "
      .. "storage, all others on that node must be observers (observer = true), or confirmed commands can be lost when "
      .. "the power fails"):format(from, errors.quote(self.name)))
  end
end

local on = {}

function on.claim(self, from, message)
  warn_of_neighbour(self, from, message)
  self.protocol:message(from, message)
end

function on.call(self, from, message)
  if self.calls then
    self.calls:received(from, message)
  elseif not message.to or message.to == self.address then
    self:multicast { kind = "reply", to = from, id = message.id, ok = false, code = "not_exist",
      value = ("member %s has no functions to call"):format(self.address) }
  end
end

function on.reply(self, from, message)
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

function on.chunk(self, from, message)
  if from == self.address then
    self.outgoing:echoed(message)
  end
  local awaiting = self.protocol.awaiting
  if message.to == self.address and awaiting and self.incoming:chunk(from, message, awaiting.nonce) then
    self.protocol:progress(now())
  end
  end_long_turn(self)
end

function on.snapshot(self, from, message)
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
    membership.give_up_for(self, ("cannot restore the state that member %s has sent"):format(from), problem)
  end
end

-- The sender cannot send this member the state. Another one may, when this member claims again.
function on.refusal(self, from, message)
  if message.to == self.address then
    self.refusal = { nonce = message.nonce, text = ("member %s cannot send it the state: %s"):format(from,
      message.problem) }
  end
end

function on.digests(self, from, message)
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

function messages.received(self, address, bytes)
  local from, outgoing = text(address), self.outgoing
  outgoing.received = outgoing.received + #bytes
  local message, second = wire.read(bytes)
  local handler = message and on[message.kind]
  if handler then
    handler(self, from, message)
  elseif message then
    self.protocol:message(from, message)
  else
    report_stranger(self, from, second)
  end
  if message and second then
    self.protocol:message(from, second)
  end
end

return messages
