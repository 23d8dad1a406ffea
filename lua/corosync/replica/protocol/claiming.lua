-- How members get from a change of nodes to the next generation. Each member multicasts a claim, which describes its
-- state. A member that has received all claims sends "ready" with a digest of them, and so *promises* the generation
-- that follows from them: it takes no further part in earlier ones. The generation begins when all have sent the same
-- digest, so no member begins it with the claim of a member that has not received this member's own. A member that does
-- not claim is *silent*; after `patience` the others go on without it. A *voter* is a member that is no observer.
local beginning = require "corosync.replica.protocol.beginning"
local claims = require "corosync.replica.protocol.claims"
local confirming = require "corosync.replica.protocol.confirming"
local generation_number = require "corosync.replica.protocol.generation_number"
local learning = require "corosync.replica.protocol.learning"
local standing = require "corosync.replica.protocol.standing"

local claiming = {}

local LONGEST = 16 -- times `patience`: the longest pause between a learner's claims
local LAST_RESORT = 4 -- times the wait before a decision of last resort: the longest wait if voters keep changing
local RETRY = 0.5 -- seconds until the second claim; then twice as long each time, but less than the patience of others

function claiming.same_ring(one, other)
  return one ~= nil and other ~= nil and one.node == other.node and one.seq == other.seq
end

-- Whether the generation with this tag began on the present ring.
local function is_of_ring(self, tag)
  return tag:find(("%s.%s."):format(tostring(self.ring.node), tostring(self.ring.seq)), 1, true) == 1
end

-- Drops the claims: they no longer count. `claims` and `ready` hold the received claims and digests by address,
-- `ready_sent` the digest that this member has sent, `decided` the result of `decide`, and `reason` why no generation
-- can begin.
function claiming.void(self)
  self.claims, self.ready, self.ready_sent = {}, {}, nil
  self.decided, self.reason = nil, nil
  self.voided_at = self.now
end

-- Blocks this member: nothing is appended, acknowledged or applied until the next generation. `claimed_at`: when it
-- last claimed; `retry`: the seconds until it claims again; `last_resort_at`: since when it waits with a decision of
-- last resort.
function claiming.block(self)
  self.status, self.active = "blocked", nil
  self.awaiting, self.replaying, self.following = nil, nil, nil
  self.claimed_at, self.retry = nil, RETRY
  self.heard, self.voter_addresses, self.last_resort_at = {}, nil, nil
  claiming.update_heard(self)
  claiming.void(self)
end

-- Updates `heard`: by address, when a listed member last showed that it is not silent, or when it was first listed.
function claiming.update_heard(self)
  local heard = {}
  for _, address in ipairs(self.members) do
    heard[address] = self.heard[address] or self.now
  end
  self.heard = heard
end

-- Returns the members that have not claimed within `patience`.
local function silent_members(self)
  local silent = {}
  for _, address in ipairs(self.members) do
    if not self.claims[address] and self.now - self.heard[address] > self.patience then
      silent[#silent + 1] = address
    end
  end
  return silent
end

local function own_nonce(self)
  return self.incarnation .. "." .. self.nonce
end

-- Returns the latest generation that a process of the node has promised. The others' promises count, too, because each
-- of these processes may stand for the node in another majority.
local function latest_promise(self)
  local of_node = generation_number.parse(self.view.promised)
  local is_later = of_node and (not self.promised or generation_number.has_promised_later(of_node, self.promised))
  return is_later and of_node or self.promised
end

function claiming.claim(self)
  self.nonce, self.claimed_at = self.nonce + 1, self.now
  local state = self.generation and self.log
  self:send {
    kind = "claim",
    ring = self.ring,
    members = self.members,
    nonce = own_nonce(self),
    attempt = self.nonce,
    generation = self.generation,
    promised = latest_promise(self),
    index = state and state.index or nil,
    applied = state and state.applied or nil,
    digest = state and state.digest or nil,
    partial = self.partial,
    standing = self.standing,
    observer = self.observer,
    durable = self.durable,
    nodes = math.max(self.view.nodes, state and self.nodes or 0),
    copies = self.copies,
    floor = self.view.floor,
    noted = self.view.noted,
    on_ring = self.view.on_ring,
    silent = self.observer and {} or silent_members(self),
  }
end

function claiming.may_claim(self)
  return not self.active and self.view ~= nil and claiming.same_ring(self.view.ring, self.ring)
end

local function is_reported_silent(self, address)
  for _, claim in pairs(self.claims) do
    for _, silent in ipairs(claim.silent) do
      if silent == address then
        return true
      end
    end
  end
  return false
end

-- Returns the claims in the order of addresses; nil while a claim is missing of a member that no claim reports as
-- silent.
local function all_claims(self)
  for _, address in ipairs(self.members) do
    if not self.claims[address] and not is_reported_silent(self, address) then
      return nil
    end
  end
  local list = {}
  for _, claim in pairs(self.claims) do
    list[#list + 1] = claim
  end
  table.sort(list, function(one, other) return one.from < other.from end)
  return list
end

local function digest_of(list)
  local words = {}
  for i, claim in ipairs(list) do
    words[i] = claim.from .. "=" .. claim.nonce
  end
  return table.concat(words, " ")
end

local function install(self, decision)
  local nonce = self.claims[self.address].nonce
  claiming.void(self)
  beginning.begin(self, decision, nonce)
end

-- Whether all members whose claims count have said that they have these claims. Observers need not.
local function all_ready(self, list, digest)
  for _, claim in ipairs(list) do
    if not claim.observer and self.ready[claim.from] ~= digest then
      return false
    end
  end
  return true
end

-- Sends "ready" if this member's claim among those received is its latest one and still true.
local function say_ready(self, digest, decision)
  local own = self.claims[self.address]
  local is_latest = self.claimed_at ~= nil and own.nonce == own_nonce(self) and own.standing == self.standing
  if self.ready_sent ~= digest and is_latest and not self.observer then
    self.ready_sent = digest
    self.promised = decision.generation
    self:emit("note", "promised", generation_number.text(decision.generation))
    self:send { kind = "ready", ring = self.ring, digest = digest }
  end
end

-- Notes when the voters last changed.
local function note_voters(self, list)
  local voters = {}
  for _, claim in ipairs(list) do
    voters[#voters + 1] = not claim.observer and claim.from or nil
  end
  local addresses = table.concat(voters, " ")
  if addresses ~= self.voter_addresses then
    self.voter_addresses, self.voters_changed_at = addresses, self.voided_at
  end
end

-- Returns the decision that follows from the claims, or nil while one is missing. It is kept until a claim changes.
local function decide(self)
  local list = not self.decided and all_claims(self)
  if list then
    note_voters(self, list)
    local decision, why = claims.decide(list, self.ring)
    if not decision then
      self.voter_addresses, self.last_resort_at = nil, nil -- a silent member may have the state, and leave
    end
    self.decided = { list = list, digest = digest_of(list), decision = decision, why = why }
  end
  return self.decided
end

-- Whether this member may act on a decision now. A decision of last resort may lose commands that another process could
-- still bring back, because it has just left or its Corosync has restarted. So members wait for such processes first.
local function is_due(self, decision)
  if not decision.is_last_resort then
    return true
  end
  self.last_resort_at = self.last_resort_at or self.now
  local wait = math.max(self.patience, self.reconnect)
  return self.now - self.voters_changed_at > wait or self.now - self.last_resort_at > LAST_RESORT * wait
end

-- Acts on the claims received so far, if possible.
function claiming.check(self)
  local decided = not self.active and self.status == "blocked" and self.claims[self.address] and decide(self)
  if not decided then
    return
  end
  local decision, digest = decided.decision, decided.digest
  self.reason = decided.why
  if not decision then
    return
  elseif all_ready(self, decided.list, digest) then
    return install(self, decision)
  elseif is_due(self, decision) then
    say_ready(self, digest, decision)
  end
end

-- While a generation lasts, a member that claims becomes a learner. A full member may have claimed before it knew of
-- the generation; then its acknowledgement will follow.
local function claim_in_generation(self, from, message)
  if not claiming.same_ring(message.ring, self.ring) then
    -- A claim of a later ring shows that this member was away without being told.
    return message.ring.seq > self.ring.seq and claiming.restart(self)
  elseif generation_number.has_promised_later(message.promised, self.active) then
    return confirming.is_full(self) and confirming.send_restart(self)
  elseif from == self.address then
    learning.claim_again(self, message.nonce)
  elseif not self.active.full[from] then
    learning.add_learner(self, from, message.nonce, message.attempt, message.durable)
  else
    self.active:note_absence(from, self.now)
  end
end

function claiming.on_claim(self, from, message)
  if self.active then
    return claim_in_generation(self, from, message)
  elseif not claiming.same_ring(message.ring, self.ring) then
    return
  end
  if from == self.address then
    learning.wait_for_snapshot(self, message.nonce, self.status)
  end
  if self.status == "blocked" then
    message.from = from
    self.claims[from], self.heard[from] = message, self.now
    self.decided = nil
    claiming.check(self)
  end
end

-- A member that takes part in a generation leaves it if others may begin the next one without it. Otherwise two
-- generations could go on at once, each with processes of the same nodes.
function claiming.on_ready(self, from, message)
  local is_same_ring = claiming.same_ring(message.ring, self.ring)
  local is_in = message.digest:find(self.address .. "=", 1, true) ~= nil
  if self.active and is_same_ring and not is_in then
    claiming.restart(self)
  elseif self.status == "blocked" then
    standing.on_ready(self, from, is_in)
    if is_same_ring then
      self.ready[from] = message.digest
      claiming.check(self)
    end
  end
end

-- Notes that the sender takes part in a generation, so this member will get a snapshot.
local function note_generation(self, from)
  self.heard[from] = self.now -- it is not silent
  if self.awaiting then
    self.awaiting.will_come = true
  end
end

-- An acknowledgement shows that its sender takes part in a generation. If a claim reports the sender as silent, the
-- claims may lack commands that are confirmed in that generation, so they no longer count.
function claiming.on_ack(self, from, message)
  if is_of_ring(self, message.tag) then
    note_generation(self, from)
  end
  if self.status == "blocked" and not self.claims[from] and is_reported_silent(self, from) then
    claiming.void(self)
    self.heard[from] = self.now
    if claiming.may_claim(self) then
      claiming.claim(self)
    end
  end
end

-- Other members end a generation and claim again. They also need a new claim from this member.
function claiming.on_restart(self)
  if self.status == "blocked" and claiming.may_claim(self) then
    claiming.claim(self)
  end
end

-- Ends the generation, and claims.
function claiming.restart(self)
  claiming.block(self)
  if claiming.may_claim(self) then
    claiming.claim(self)
  end
end

-- A learner waits twice as long before each further claim, because a claim voids the snapshot for the previous one,
-- which may still be on its way behind many other messages.
function claiming.lengthen_pause(self)
  self.learner_pause = math.min(2 * self.learner_pause, LONGEST * self.patience)
end

local function waits_for_snapshot(self)
  return self.status == "learning" or self.awaiting ~= nil and self.awaiting.will_come == true
end

-- Claims again when no generation has begun after a while, because a message was lost or a member is silent. A learner
-- claims again when no snapshot comes: perhaps the others have not begun a generation after all.
function claiming.time(self)
  claiming.check(self)
  if not claiming.may_claim(self) then
    return
  end
  local is_learner = waits_for_snapshot(self)
  if not self.claimed_at then
    claiming.claim(self)
  elseif self.now - self.claimed_at > (is_learner and self.learner_pause or self.retry) then
    if is_learner then
      claiming.lengthen_pause(self)
    end
    self.status = "blocked"
    self.retry = math.min(2 * self.retry, self.patience / 2)
    claiming.claim(self)
  end
end

return claiming
