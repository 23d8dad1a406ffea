-- Decides which state a new generation begins with. The decision is a pure function of the claims, so that all members
-- decide alike.
--
-- A claim is what a member says of itself while it is blocked:
--   from        its address
--   generation  { start, seq, round, epoch, stored } of the state that it holds; nil if it holds none. `stored`: true
--               if a member with storage has taken part in it or in an earlier one
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
-- A node of the ring that has no member has no state in memory: a process that is not connected has missed messages, so
-- its state does not count. Its storage may have one. So if any member has storage, or had it in an earlier generation,
-- only members can say that their nodes have no state.
--
-- States in storage come back with their processes, and count. The notes of a node (`noted`) are gone after a loss of
-- power, so claims of a majority without a state then begin afresh. This is assumed not to lose anything: a node that
-- has stored a state claims with it, unless the storage is lost. So on a node with storage, only the process that has
-- the storage open may have the state. A confirmed command survives a loss of power of all nodes if storage with a
-- state is left on a majority of them.
local claims = {}

function claims.node_of(address)
  return address:match "^(%d+):"
end

function claims.majority(nodes)
  return math.floor(nodes / 2) + 1
end

-- Returns how many nodes must have a command before it is confirmed. `copies`: the wanted number, if fewer than a
-- majority.
function claims.needed(nodes, copies)
  return math.min(copies or nodes, claims.majority(nodes))
end

-- The greater of two values of `copies`.
function claims.more_copies(one, other)
  return one and other and math.max(one, other)
end

-- `start` is the index above which the last fresh or doubtful start began (see `decide`). It follows the clock, and is
-- compared first, because the members that made that start may not have known all earlier generations.
local function compare_beginnings(a, b)
  if a.start ~= b.start then
    return a.start - b.start
  elseif a.seq ~= b.seq then
    return a.seq - b.seq
  end
  return a.round - b.round
end

-- A number above 0 if the first generation is newer, below if the second one is, or 0.
function claims.compare_generations(a, b)
  local difference = compare_beginnings(a, b)
  return difference ~= 0 and difference or a.epoch - b.epoch
end

-- Returns a generation as the text of a note.
function claims.generation_text(number)
  return ("%.0f.%.0f.%.0f.%.0f%s"):format(number.start, number.seq, number.round, number.epoch,
    number.stored and "s" or "")
end

-- Returns the generation of a note's text, or nil.
function claims.parse_generation(text)
  local start, seq, round, epoch, stored = tostring(text):match "^(%d+)%.(%d+)%.(%d+)%.(%d+)(s?)$"
  return start and { start = tonumber(start), seq = tonumber(seq), round = tonumber(round), epoch = tonumber(epoch),
    stored = stored == "s" or nil }
end

-- Whether a member has promised to begin a later generation than this one. It must not take part in this one any more:
-- another member may have begun the later one.
function claims.has_promised_later(promised, generation)
  return promised ~= nil and compare_beginnings(promised, generation) > 0
end

-- Whether the first state is newer. Of equal ones the lower address wins, on all members.
local function is_newer(one, other)
  local difference = claims.compare_generations(one.generation, other.generation)
  if difference ~= 0 then
    return difference > 0
  elseif one.partial ~= other.partial then
    return not one.partial
  elseif one.index ~= other.index then
    return one.index > other.index
  end
  return one.from < other.from
end

local function newest(list)
  local best
  for _, claim in ipairs(list) do
    if claim.generation and (not best or is_newer(claim, best)) then
      best = claim
    end
  end
  return best
end

local function is_equal(one, other)
  return one.generation ~= nil and claims.compare_generations(one.generation, other.generation) == 0
    and one.index == other.index and one.digest == other.digest
end

-- How many nodes have a claim that passes the test.
local function count_nodes(list, test)
  local found, count = {}, 0
  for _, claim in ipairs(list) do
    local node = claims.node_of(claim.from)
    if test(claim) and not found[node] then
      found[node], count = true, count + 1
    end
  end
  return count
end

local function greatest(list, field)
  local found = 0
  for _, claim in ipairs(list) do
    found = math.max(found, claim[field] or 0)
  end
  return found
end

local function greatest_copies(list)
  local copies = 0
  for _, claim in ipairs(list) do
    copies = claims.more_copies(copies, claim.copies)
  end
  return copies
end

-- The nodes of members that have not claimed, so that their states are unknown, with the lowest address of such a
-- member. Some claimants may know more members than others.
local function unknown_nodes(list, voters)
  local claimed, unknown = {}, {}
  for _, claim in ipairs(list) do
    claimed[claim.from] = true
  end
  for _, claim in ipairs(voters) do
    for _, address in ipairs(claim.members) do
      local node = claims.node_of(address)
      if not claimed[address] and (not unknown[node] or address < unknown[node]) then
        unknown[node] = address
      end
    end
  end
  return unknown
end

-- The generations that the claims mention.
local function known_generations(list)
  local known = {}
  for _, claim in ipairs(list) do
    known[#known + 1] = claim.generation
    known[#known + 1] = claim.promised
    known[#known + 1] = claims.parse_generation(claim.noted)
  end
  return known
end

-- Whether nodes without members may have a stored state.
local function may_be_stored(voters)
  for _, claim in ipairs(voters) do
    if claim.durable then
      return true
    end
  end
  for _, generation in ipairs(known_generations(voters)) do
    if generation.stored then
      return true
    end
  end
  return false
end

-- Returns a generation later than all known ones. A ring can have a lower seq than earlier rings, if Corosync has lost
-- the number.
local function next_generation(list, ring)
  local start, last = 0, { seq = ring.seq, round = 0 }
  for _, known in ipairs(known_generations(list)) do
    start = math.max(start, known.start)
    if known.seq > last.seq or known.seq == last.seq and known.round > last.round then
      last = known
    end
  end
  return { start = start, seq = last.seq, round = last.round + 1, epoch = 0,
    stored = may_be_stored(list) or nil }
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

-- Whether the note of the claimant's node shows that the state of `best` has all commands that this node has helped to
-- confirm. A node notes each epoch before it acknowledges anything in it, and a state has all commands that were
-- confirmed until the end of its epoch. A partial state may lack those of its own epoch.
local function has_noted_no_later(claim, best)
  local noted = claims.parse_generation(claim.noted)
  local difference = noted and claims.compare_generations(noted, best.generation)
  return noted ~= nil and (difference < 0 or difference == 0 and not best.partial)
end

-- Returns the newest state, if enough nodes vouch for it. It contains all confirmed commands: each was acknowledged by
-- a majority of nodes in some epoch, so one of these nodes is here, and its state or its note is of this epoch or a
-- later one. Learners acknowledge nothing. With fewer `copies` than a majority, the members that confirmed a command
-- are here, or were fenced.
local function vouched_state(voters, counts, unknown)
  local best = newest(voters)
  local by_notes = counts.needed >= claims.majority(counts.nodes)
  local vouching = best and count_nodes(voters, function(claim)
    return claim.generation and claim.standing
      or by_notes and not unknown[claims.node_of(claim.from)] and has_noted_no_later(claim, best)
  end)
  return best and vouching >= counts.needed and best or nil
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

-- How many nodes are on the ring, as all claimants know it, without claims and without silent members.
local function count_empty(voters, unknown)
  local times, claimed = {}, {}
  for _, claim in ipairs(voters) do
    claimed[claims.node_of(claim.from)] = true
    for _, node in ipairs(claim.on_ring) do
      times[node] = (times[node] or 0) + 1
    end
  end
  local count = 0
  for node, number in pairs(times) do
    count = count + (number == #voters and not claimed[node] and not unknown[node] and 1 or 0)
  end
  return count
end

local function lowest(set)
  local found
  for _, value in pairs(set) do
    found = (not found or value < found) and value or found
  end
  return found
end

-- Returns a table:
--   nodes      the number of nodes
--   claimed    the number of nodes with claims of all their members
--   known      the same, and the nodes that surely have no state
--   needed     how many nodes must vouch for a state
--   is_stored  whether nodes without members may have a stored state
--   silent     the address of a member that has not claimed; nil if there is none
local function count_known(voters, unknown, copies)
  local nodes = greatest(voters, "nodes")
  local needed = claims.needed(nodes, copies)
  if next(unknown) then
    -- The silent members may be those that confirmed commands as `copies`.
    needed = math.max(claims.majority(nodes), nodes - needed + 1)
  end
  local claimed = count_nodes(voters, function(claim) return not unknown[claims.node_of(claim.from)] end)
  local is_stored = may_be_stored(voters)
  return { nodes = nodes, claimed = claimed, needed = needed, is_stored = is_stored, silent = lowest(unknown),
    known = claimed + (is_stored and 0 or count_empty(voters, unknown)) }
end

-- It goes on above any index that a lost state can have had, because commands that wait in it may have the same indices
-- as lost ones.
local function doubtful_start(voters, state)
  return { is_doubtful = true, is_last_resort = true, applied = greatest(voters, "applied"),
    index = math.max(state.index, greatest(voters, "floor")) }
end

-- For a majority that has never had a state, so that nothing was confirmed, or for nodes that have all lost it.
local function fresh_start(voters, may_lose)
  return { is_fresh = true, is_last_resort = may_lose, index = greatest(voters, "floor") }
end

-- Returns what must happen before the members can know that no other node has a state.
local function what_is_missing(counts)
  if counts.silent then
    return ("the silent member %s must answer or end"):format(counts.silent)
  end
  return counts.is_stored and "members on all nodes are needed" or "Corosync on all nodes is needed"
end

-- Returns why no generation can begin, and what an operator can do.
local function why_not(counts, any)
  if counts.claimed < claims.majority(counts.nodes) then
    local why = any and "too few nodes have a state: members on more nodes are needed"
      or "too few nodes are here: members on a majority of the nodes are needed"
    return counts.silent and ("%s, and %s"):format(why, what_is_missing(counts)) or why
  elseif any then
    return "too few nodes have a state: more of them are needed, or " .. what_is_missing(counts)
  end
  return "too few nodes are here: they have lost the state, so " .. what_is_missing(counts)
end

-- Returns what the generation begins with, and the claim that has its state, if any; or nil and why there is none.
local function choose_start(list, voters, copies)
  local unknown = unknown_nodes(list, voters)
  local counts = count_known(voters, unknown, copies)
  local noted = count_nodes(voters, function(claim) return claim.noted end) > 0
  local vouched, any = vouched_state(voters, counts, unknown), newest(voters)
  local has_majority, are_all_known = counts.claimed >= claims.majority(counts.nodes), counts.known >= counts.nodes
  if vouched then
    return { index = vouched.index }, vouched
  elseif any and has_majority and are_all_known then
    return doubtful_start(voters, any), any
  elseif not any and has_majority and (are_all_known or not noted) then
    return fresh_start(voters, noted or counts.is_stored and not are_all_known)
  end
  return nil, why_not(counts, any)
end

-- Decides from the claims of all members but the silent ones. Returns the new generation, or nil and why there is none:
-- `generation`, `nodes`, `copies`, `index`, `full`, `learners` (nonces by address), `is_fresh`: it begins with the
-- initial state; `is_doubtful`: its state may lack confirmed commands; `is_last_resort`: commands may be lost that a
-- process could still bring back, so members wait a little before they accept it.
function claims.decide(list, ring)
  local voters = without_observers(list)
  if #voters == 0 then
    return nil, "only observers are here"
  end
  local copies = greatest_copies(voters)
  local made, best = choose_start(list, voters, copies)
  if not made then
    return nil, best
  end
  made.generation, made.nodes, made.copies = next_generation(voters, ring), greatest(voters, "nodes"), copies
  if made.is_fresh or made.is_doubtful then
    made.generation.start = math.max(made.generation.start, made.index)
  end
  made.full, made.learners = split(list, function(claim)
    return not claim.observer and (made.is_fresh or is_equal(claim, best))
  end)
  return made
end

return claims
