-- Compares members with each other: the order of what two have delivered, and what two that go on together from one
-- membership to the next have delivered before.
local together = {}

local function sequence_of(life)
  local ids, lines = {}, {}
  for _, state in ipairs(life.states) do
    for _, delivery in ipairs(state.deliveries) do
      ids[#ids + 1], lines[#lines + 1] = delivery.id or 0, delivery.line
    end
  end
  return ids, lines
end

-- Rule c.
local function compare_order(court, life, places, other)
  local last = 0
  for i, id in ipairs(other.ids) do
    local here = places[id]
    if here and here < last then
      court.complain("c", ("%s delivers message %d of the order of %s:%d after a later one"):format(other.address, here,
        life.history.name, life.lines[here]), other.history, other.lines[i])
      return
    end
    last = here or last
  end
end

local function compare_orders(court, all)
  for _, life in ipairs(all) do
    life.ids, life.lines = sequence_of(life)
  end
  for i, life in ipairs(all) do
    local places = {}
    for place_of, id in ipairs(life.ids) do
      places[id] = place_of
    end
    places[0] = nil
    for k = i + 1, #all do
      if all[k].group == life.group then
        compare_order(court, life, places, all[k])
      end
    end
  end
end

local LONGEST = 1047552 -- bytes: longer messages libcpg sends in pieces (cpg_max_atomic_msgsize_get)

-- Corosync cuts messages into frames; what was sent on the ring on which it is delivered had no frame on another.
local function is_cut_by_ring(case, delivery, ring)
  if not case or not case.straddling[delivery.digest] then
    return false
  end
  local sent_on = case.positions[delivery.digest] and delivery.id and case.sent_on[delivery.id - case.number * 2 ^ 32]
  return not sent_on or sent_on ~= ring
end

-- Why others may miss a message, or nil.
local function excuse_of(case, delivery, ring)
  if tonumber(delivery.digest:match "^%d+") > LONGEST then
    return "message in pieces"
  end
  return is_cut_by_ring(case, delivery, ring) and "message cut by a change of ring" or nil
end

-- What all that go together must have delivered: `shared`, and from whom, `senders`; `left_out` counts the others, by
-- why they may be missed.
local function new_passage(court, name, life, i)
  local found = { name = name, life = life, index = i, state = life.states[i] }
  found.shared, found.senders, found.left_out = {}, {}, {}
  for _, delivery in ipairs(found.state.deliveries) do
    local excuse = excuse_of(court.cases[life.group][delivery.sender], delivery, found.state.ring)
    if excuse then
      found.left_out[excuse] = (found.left_out[excuse] or 0) + 1
    else
      found.shared[#found.shared + 1] = delivery.sender .. " " .. delivery.digest
      found.senders[#found.senders + 1] = delivery.sender
    end
  end
  return found
end

local function is_equal(one, other)
  if #one ~= #other then
    return false
  end
  for i, item in ipairs(one) do
    if item ~= other[i] then
      return false
    end
  end
  return true
end

-- How the numbers of rings grow: by 4 for each that is formed, and by 1 when a daemon starts (exec/totemsrp.c).
local STEP = 5

local function next_ring(life, i)
  local ring = life.states[i].ring
  for k = i + 1, #life.states do
    if life.states[k].ring ~= ring then
      return life.states[k].ring
    end
  end
end

-- By what those know each other who go together from a state of a life to the next; nil when nobody can be known to. A
-- ring that breaks before it is told to groups shows only in the numbers: over such rings members may have come apart,
-- and together again, without being told.
local function name_of(court, life, i)
  local state, following = life.states[i], life.states[i + 1]
  local passage = ("%s %s>%s"):format(life.group, state.key, following.key)
  if not following.by_nodes then
    return passage
  end
  local ring = next_ring(life, i)
  local before, after = tostring(state.ring):match ":(%d+)$", tostring(ring):match ":(%d+)$"
  if not before or not after then
    return nil
  elseif tonumber(after) - tonumber(before) <= STEP then
    return passage .. ">" .. ring
  end
  court.exempt "ring that nobody was told of"
end

local function passages_of(court, all)
  local found = {}
  for _, life in ipairs(all) do
    for i = 1, #life.states - 1 do
      local name = name_of(court, life, i)
      if name then
        found[#found + 1] = new_passage(court, name, life, i)
      end
    end
  end
  return found
end

-- Who leaves and joins again on one ring makes passages that are alike, for himself and for who stays.
local function find_repeated(passages)
  local seen, repeated = {}, {}
  for _, passage in ipairs(passages) do
    local key = passage.name .. " " .. passage.life.address
    repeated[passage.name] = repeated[passage.name] or seen[key]
    seen[key] = true
  end
  return repeated
end

-- Those that are alike are the same if they have a message in common; else nobody can know.
local function find_alike(alike, passage)
  for _, delivery in ipairs(passage.state.deliveries) do
    local key = delivery.id and passage.name .. " " .. delivery.id
    if key and alike[key] then
      return alike[key]
    elseif key then
      alike[key] = passage
    end
  end
end

-- Whether a sender goes when the nodes of a life change next; nil when the life ends before.
local function goes(passage, sender)
  local states = passage.life.states
  for k = passage.index + 1, #states do
    if states[k].by_nodes then
      return (states[k - 1].present[sender] and not states[k].present[sender]) or false
    end
  end
end

-- The same, as far as two know.
local function goes_for_both(passage, other, sender)
  local one, two = goes(passage, sender), goes(other, sender)
  return one ~= false and two ~= false and (one or two) or false
end

-- Whether, until the nodes change, one is delivered more of those that go then.
local function hears_on(passage, other)
  local states, k = passage.life.states, passage.index + 1
  while states[k] and not states[k].by_nodes do
    for _, delivery in ipairs(states[k].deliveries) do
      if goes_for_both(passage, other, delivery.sender) then
        return true
      end
    end
    k = k + 1
  end
  return false
end

-- Whether what one lacks of another's is, from some point on, all that is of those that go, and nothing else.
local function lacks_only_theirs(passage, other)
  local k, lacking = 1, false
  for i, item in ipairs(other.shared) do
    local is_gone = goes_for_both(passage, other, other.senders[i])
    if item == passage.shared[k] and not (lacking and is_gone) then
      k = k + 1
    elseif is_gone then
      lacking = true
    else
      return false
    end
  end
  return k > #passage.shared
end

local function node_of(passage)
  return passage.life.address:match "^(.*):"
end

-- A daemon drops what a token says that all have, also where the token is one that was sent again and says so of what
-- its sender had by then. If that sender's node is gone before another has got it, nobody can give it to that one, who
-- then delivers, from there on, only what is of those that stay (docs/testing.md). To all its members alike.
local function lacks_last(passage, other)
  return node_of(passage) ~= node_of(other) and lacks_only_theirs(passage, other) and not hears_on(passage, other)
end

local function count_excuses(court, passage, other)
  for _, excuse in ipairs { "message in pieces", "message cut by a change of ring" } do
    if passage.left_out[excuse] ~= other.left_out[excuse] then
      court.exempt(excuse)
    end
  end
end

-- Answers the one with which others are to be compared.
local function compare_passages(court, passage, other)
  if is_equal(passage.shared, other.shared) then
    count_excuses(court, passage, other)
    return other
  end
  if lacks_last(passage, other) or lacks_last(other, passage) then
    court.exempt "last messages of a node that is gone"
    return #passage.shared > #other.shared and passage or other
  end
  local at = passage.state.deliveries[#passage.state.deliveries] or { line = 0 }
  court.complain("f", ("%s and %s go together from %s, having delivered different messages, %d and %d"):format(
    passage.life.address, other.life.address, passage.state.key, #passage.shared, #other.shared),
    passage.life.history, at.line)
  return other
end

-- Rule f. Each is compared with the one that has most of those before it.
local function compare_sets(court, all)
  local passages = passages_of(court, all)
  local repeated, most, alike = find_repeated(passages), {}, {}
  for _, passage in ipairs(passages) do
    local other = most[passage.name]
    if repeated[passage.name] then
      other = find_alike(alike, passage)
    elseif not other then
      most[passage.name] = passage
    end
    if other and other.life ~= passage.life then
      most[passage.name] = compare_passages(court, passage, other)
    end
  end
end

--- Complains of what members deliver in different orders (rule c) and of what only some of those deliver that go on
-- together (rule f).
function together.compare(court, all)
  compare_orders(court, all)
  compare_sets(court, all)
end

return together
