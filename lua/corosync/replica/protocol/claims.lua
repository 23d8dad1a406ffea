-- Decides which state a new generation begins with. The decision is a pure function of the claims, so that all members
-- decide alike.
--
-- A claim is what a member says of itself while it is blocked:
--   from        its address
--   generation  the number of the state that it holds (generation_number.lua); nil if it holds none
--   promised    the latest generation that a process of its node has sent "ready" for since the node started, or that
--               this one has, if any: another member may have begun it
--   index       of the last command of that state
--   applied     the index of the last one that it has applied
--   digest      of its commands
--   partial     whether it has not been full in an established epoch yet: it has all confirmed before the epoch in
--               `generation`, and may lack commands of that epoch
--   standing    whether it speaks for its node: another process of the node may have, or have had, a newer state
--   observer    whether it is an observer: then the decision does not depend on its claim
--   durable     whether it has storage, which may be empty
--   nodes       the number of nodes in its nodelist
--   copies      how many nodes must have what is confirmed; nil for a majority
--   floor       an index that no state has reached before
--   noted       the newest generation that its node has had since it started, as a text; nil if none
--   members     the addresses of all members, as it knows them
--   on_ring     the ids of the nodes of the ring, as texts
--
-- States in storage come back with their processes, and count. The notes of a node (`noted`) are gone after a loss of
-- power, so claims of a majority without a state then begin afresh. This is assumed not to lose anything: a node that
-- has stored a state claims with it, unless the storage is lost. So on a node with storage, only the process that has
-- the storage open may have the state. A confirmed command survives a loss of power of all nodes if storage with a
-- state is left on a majority of them.
local claim_list = require "corosync.replica.protocol.claim_list"
local generation_number = require "corosync.replica.protocol.generation_number"
local known_nodes = require "corosync.replica.protocol.known_nodes"
local node_count = require "corosync.replica.protocol.node_count"

local claims = {}

-- Returns a generation later than all known ones. A ring can have a lower seq than earlier rings, if Corosync has lost
-- the number.
local function next_generation(list, ring)
  local start, last = 0, { seq = ring.seq, round = 0 }
  for _, known in ipairs(claim_list.known_generations(list)) do
    start = math.max(start, known.start)
    if known.seq > last.seq or known.seq == last.seq and known.round > last.round then
      last = known
    end
  end
  return { start = start, seq = last.seq, round = last.round + 1, epoch = 0,
    stored = claim_list.may_be_stored(list) or nil }
end

-- Whether the note of the claimant's node shows that the state of `best` has all commands that this node has helped to
-- confirm. A node notes each epoch before it acknowledges anything in it, and a state has all commands that were
-- confirmed until the end of its epoch. A partial state may lack those of its own epoch.
local function has_noted_no_later(claim, best)
  local noted = generation_number.parse(claim.noted)
  local difference = noted and generation_number.compare(noted, best.generation)
  return noted ~= nil and (difference < 0 or difference == 0 and not best.partial)
end

-- Returns the newest state, if enough nodes vouch for it. It contains all confirmed commands: each was acknowledged by
-- a majority of nodes in some epoch, so one of these nodes is here, and its state or its note is of this epoch or a
-- later one. Learners acknowledge nothing. With fewer `copies` than a majority, the members that confirmed a command
-- are here, or were fenced.
local function vouched_state(voters, counts)
  local best = claim_list.newest(voters)
  local by_notes = counts.needed >= node_count.majority(counts.nodes)
  local vouching = best and claim_list.count_nodes(voters, function(claim)
    return claim.generation and claim.standing
      or by_notes and not counts.unknown[node_count.node_of(claim.from)] and has_noted_no_later(claim, best)
  end)
  return best and vouching >= counts.needed and best or nil
end

-- A doubtful start: with the newest state that there is, which may lack confirmed commands. Its indices are above any
-- that a lost state can have had, because commands that wait in this state may have the same indices as lost ones.
local function doubtful_start(voters, state)
  return { is_doubtful = true, is_last_resort = true, applied = claim_list.greatest(voters, "applied"),
    index = math.max(state.index, claim_list.greatest(voters, "floor")) }
end

-- A fresh start: with the initial state, for a majority that has never had a state, so that nothing was confirmed, or
-- for nodes that have all lost it.
local function fresh_start(voters, may_lose)
  return { is_fresh = true, is_last_resort = may_lose, index = claim_list.greatest(voters, "floor") }
end

-- Returns the problem, and what an operator can do if no member is silent. `has_state`: whether any claim has a state.
local function problem_and_remedy(counts, has_state)
  if counts.claimed < node_count.majority(counts.nodes) then
    if has_state then
      return "too few nodes have a state", "start members on more nodes"
    end
    return counts.silent and "members reply on too few nodes" or "members run on too few nodes",
      "start them on a majority of the nodes"
  elseif has_state then
    return "too few nodes have a state", counts.is_stored and "start members on all nodes"
      or "start members on more nodes, or Corosync on all nodes"
  end
  return "the nodes here have lost the state, and another node may still have it",
    counts.is_stored and "start members on all nodes" or "start Corosync on all nodes"
end

-- Whether the silent members' claims may not suffice.
local function needs_more(counts)
  return counts.claimed + counts.silent_nodes < node_count.majority(counts.nodes)
    or counts.known + counts.silent_nodes < counts.nodes
end

-- Returns why no generation can begin, and what an operator can do.
local function why_not(counts, has_state)
  local why, remedy = problem_and_remedy(counts, has_state)
  if needs_more(counts) then
    why = why .. ": " .. remedy
  end
  return counts.silent and ("%s; member %s does not reply: continue or restart it"):format(why, counts.silent) or why
end

-- Returns the beginning of the decision, and the claim with the state that the generation begins with, if any; or nil
-- and why there is none. `voters`: the claims without those of observers.
local function choose_start(list, voters, copies)
  local counts = known_nodes.count(list, voters, copies)
  local noted = claim_list.count_nodes(voters, function(claim) return claim.noted end) > 0
  local vouched, newest = vouched_state(voters, counts), claim_list.newest(voters)
  local has_majority, are_all_known = counts.claimed >= node_count.majority(counts.nodes), counts.known >= counts.nodes
  if vouched then
    return { index = vouched.index }, vouched
  elseif newest and has_majority and are_all_known then
    return doubtful_start(voters, newest), newest
  elseif not newest and has_majority and (are_all_known or not noted) then
    return fresh_start(voters, noted or counts.is_stored and not are_all_known)
  end
  return nil, why_not(counts, newest ~= nil)
end

local function split(list, is_full)
  local full, learners = {}, {}
  for _, claim in ipairs(list) do
    if is_full(claim) then
      full[claim.from] = true
    else
      learners[claim.from] = claim.nonce
    end
  end
  return full, learners
end

local function without_observers(list)
  local voters = {}
  for _, claim in ipairs(list) do
    if not claim.observer then
      voters[#voters + 1] = claim
    end
  end
  return voters
end

-- Decides from the claims of all members but the silent ones. Returns the decision, or nil and why there is none:
--   generation      the new generation's number
--   nodes, copies   the numbers that apply in it
--   index           of the last command of the state that it begins with
--   full, learners  the members by address; of a learner the nonce of its claim
--   is_fresh        it begins with the initial state
--   is_doubtful     its state may lack confirmed commands; `applied`: the last index that any claimant has applied
--   is_last_resort  commands may be lost that a process could still bring back, so members wait before they accept it
function claims.decide(list, ring)
  local voters = without_observers(list)
  if #voters == 0 then
    return nil, "only observers are here"
  end
  local copies = claim_list.greatest_copies(voters)
  local decision, best = choose_start(list, voters, copies)
  if not decision then
    return nil, best
  end
  decision.generation, decision.copies = next_generation(voters, ring), copies
  decision.nodes = claim_list.greatest(voters, "nodes")
  if decision.is_fresh or decision.is_doubtful then
    decision.generation.start = math.max(decision.generation.start, decision.index)
  end
  decision.full, decision.learners = split(list, function(claim)
    return not claim.observer and (decision.is_fresh or claim_list.is_equal(claim, best))
  end)
  return decision
end

return claims
