local cut = require "corosync.checker.cut"
local rings = require "corosync.checker.ring"

local CUT = "message cut by a change of ring"

local virtual_synchrony = {
  name = "virtual_synchrony",
  guarantee = "Members that move together from one configuration to the next have delivered the same messages in it.",
  messages = {
    different = "%s and %s moved together from %s, but %s delivered message %s of %s there, and %s did not (%d and %d "
      .. "messages)",
    lost_later = "%s and %s moved together from %s, but only %s delivered message %s of %s, though both delivered an "
      .. "earlier one of that node on that ring",
  },
  exceptions = { CUT, "last messages of a node that is gone", "message in pieces",
    "ring that nobody was told of" },
}

local LONGEST = 1047552 -- bytes: libcpg sends longer messages in pieces (cpg_max_atomic_msgsize_get)

-- ---- transitions: a session moves from one configuration to the next ----

-- Why others may miss a message, or nil.
local function excuse_of(sender, delivery, ring)
  if tonumber(delivery.digest:match "^%d+") > LONGEST then
    return "message in pieces"
  end
  return sender and cut.may_be_cut(sender, delivery, ring) and CUT or nil
end

-- `shared` are the deliveries that all who move together must have; `excused` counts the others, by why they may be
-- missed.
local function new_transition(trace, name, session, i)
  local it = { name = name, session = session, index = i, configuration = session.configurations[i], shared = {},
    excused = {} }
  local members = trace.groups[session.group]
  for _, delivery in ipairs(it.configuration.deliveries) do
    local excuse = excuse_of(members[delivery.sender], delivery, it.configuration.ring)
    if excuse then
      it.excused[excuse] = (it.excused[excuse] or 0) + 1
    else
      it.shared[#it.shared + 1] = delivery
    end
  end
  return it
end

local function next_ring(session, i)
  local ring, configurations = session.configurations[i].ring, session.configurations
  for k = i + 1, #configurations do
    if configurations[k].ring ~= ring then
      return configurations[k].ring
    end
  end
end

-- How the numbers of rings grow: by 4 for each that is formed, and by 1 when a daemon starts (exec/totemsrp.c).
local STEP = 5

-- The name of a transition is the same for all that move together; nil if nobody can be known to. A ring that breaks
-- before groups are told of it shows only in the numbers: over such rings members may have come apart and met again.
local function name_of(report, session, i)
  local configuration, following = session.configurations[i], session.configurations[i + 1]
  local name = ("%s %s>%s"):format(session.group, configuration.key, following.key)
  if not following.by_nodes then
    return name
  end
  local ring = next_ring(session, i)
  local growth = rings.growth(configuration.ring, ring)
  if not growth then
    return nil
  elseif growth <= STEP then
    return name .. ">" .. ring
  end
  report:exempt "ring that nobody was told of"
end

local function transitions_of(trace, report)
  local transitions = {}
  for _, session in ipairs(trace.sessions) do
    for i = 1, #session.configurations - 1 do
      local name = name_of(report, session, i)
      if name then
        transitions[#transitions + 1] = new_transition(trace, name, session, i)
      end
    end
  end
  return transitions
end

-- ---- transitions with the same name ----

-- A member that leaves and joins again on one ring makes transitions with the same name, its own and the others'.
local function find_repeated(transitions)
  local seen, repeated = {}, {}
  for _, transition in ipairs(transitions) do
    local key = transition.name .. " " .. transition.session.address
    repeated[transition.name] = repeated[transition.name] or seen[key]
    seen[key] = true
  end
  return repeated
end

-- Of these, two are the same transition if they have a message in common; otherwise that cannot be known.
local function find_same(by_message, transition)
  for _, delivery in ipairs(transition.configuration.deliveries) do
    local key = delivery.id and transition.name .. " " .. delivery.id
    if key and by_message[key] then
      return by_message[key]
    elseif key then
      by_message[key] = transition
    end
  end
end

-- ---- the last messages of a node that is gone ----

-- Whether a sender goes when nodes change next; nil if the session ends before.
local function goes(transition, sender)
  local configurations = transition.session.configurations
  for k = transition.index + 1, #configurations do
    if configurations[k].by_nodes then
      return (configurations[k - 1].present[sender] and not configurations[k].present[sender]) or false
    end
  end
end

-- The same, as far as two know.
local function goes_for_both(one, other, sender)
  local here, there = goes(one, sender), goes(other, sender)
  return here ~= false and there ~= false and (here or there) or false
end

-- Whether, until nodes change, one delivers more of those that go then.
local function delivers_more(one, other)
  local configurations, k = one.session.configurations, one.index + 1
  while configurations[k] and not configurations[k].by_nodes do
    for _, delivery in ipairs(configurations[k].deliveries) do
      if goes_for_both(one, other, delivery.sender) then
        return true
      end
    end
    k = k + 1
  end
  return false
end

local function is_same(one, other)
  return one ~= nil and one.digest == other.digest and one.sender == other.sender
end

-- Whether one lacks, of the other's messages, from some point on all those of members that go, and nothing else.
local function lacks_only_theirs(one, other)
  local k, lacking = 1, false
  for _, delivery in ipairs(other.shared) do
    local is_gone = goes_for_both(one, other, delivery.sender)
    if is_same(one.shared[k], delivery) and not (lacking and is_gone) then
      k = k + 1
    elseif is_gone then
      lacking = true
    else
      return false
    end
  end
  return k > #one.shared
end

local function node_of(transition)
  return transition.session.address:match "^(.*):"
end

-- A daemon drops the messages that a token says all have, also if the token was sent again and says so of what its
-- sender had by then. If that sender's node is gone before another daemon has got them, nobody can give them to it, and
-- it delivers from there on only messages of nodes that stay (docs/testing.md), to all its members alike.
local function lacks_last(one, other)
  return node_of(one) ~= node_of(other) and lacks_only_theirs(one, other) and not delivers_more(one, other)
end

-- ---- messages that a change of ring has cut ----

-- Deliveries on the ring of a transition, up to it, by the sender's node.
local function on_ring(transition)
  local configurations, first, found = transition.session.configurations, transition.index, {}
  while first > 1 and configurations[first - 1].ring == transition.configuration.ring do
    first = first - 1
  end
  for i = first, transition.index do
    for _, delivery in ipairs(configurations[i].deliveries) do
      if delivery.id then
        local node = delivery.sender:match "^%d+"
        found[node] = found[node] or {}
        table.insert(found[node], { delivery = delivery, is_here = i == transition.index })
      end
    end
  end
  return found
end

local function ids_of(deliveries)
  local ids = {}
  for _, each in ipairs(deliveries or {}) do
    ids[each.delivery.id] = true
  end
  return ids
end

-- A delivery that another lacks, though it has an earlier one of that node on that ring, or nil. With the message that
-- was cut, Corosync drops frames of its node up to one that begins afresh, and none after it.
local function find_lost_later(one, other)
  local others = on_ring(other)
  for node, deliveries in pairs(on_ring(one)) do
    local ids, has_earlier = ids_of(others[node]), false
    for _, each in ipairs(deliveries) do
      local delivery = each.delivery
      if ids[delivery.id] then
        has_earlier = true
      elseif has_earlier and each.is_here and tonumber(delivery.digest:match "^%d+") <= LONGEST
        and not goes_for_both(one, other, delivery.sender) then
        return delivery
      end
    end
  end
end

local function check_cut(report, one, other)
  local lost = (one.excused[CUT] or other.excused[CUT]) and find_lost_later(one, other)
  if lost then
    report:add(virtual_synchrony, "lost_later", one.session, lost.line, one.session.address, other.session.address,
      one.configuration.key, one.session.address, lost.digest, lost.sender)
  end
end

-- ---- comparison ----

-- Returns the place of the first difference; nil if there is none.
local function first_difference(one, other)
  for i = 1, math.max(#one, #other) do
    if not one[i] or not is_same(other[i], one[i]) then
      return i
    end
  end
end

local function count_excused(report, one, other)
  for _, excuse in ipairs { "message in pieces", CUT } do
    if one.excused[excuse] ~= other.excused[excuse] then
      report:exempt(excuse)
    end
  end
end

local function complain(report, one, other, at)
  local has, lacks = one, other
  if not has.shared[at] then
    has, lacks = other, one
  end
  local delivery, deliveries = has.shared[at], one.configuration.deliveries
  local line = (one.shared[at] or deliveries[#deliveries] or one.configuration).line
  report:add(virtual_synchrony, "different", one.session, line, one.session.address, other.session.address,
    one.configuration.key, has.session.address, delivery.digest, delivery.sender, lacks.session.address,
    #one.shared, #other.shared)
end

-- Returns the one with which others are to be compared.
local function compare(report, one, other)
  local at = first_difference(one.shared, other.shared)
  if not at then
    count_excused(report, one, other)
    check_cut(report, one, other)
    check_cut(report, other, one)
  elseif lacks_last(one, other) or lacks_last(other, one) then
    report:exempt "last messages of a node that is gone"
    return #one.shared > #other.shared and one or other
  else
    complain(report, one, other, at)
  end
  return other
end

-- Each is compared with the one that has most of those before it.
function virtual_synchrony.check(trace, report)
  local transitions = transitions_of(trace, report)
  local repeated, most, by_message = find_repeated(transitions), {}, {}
  for _, transition in ipairs(transitions) do
    local other = most[transition.name]
    if repeated[transition.name] then
      other = find_same(by_message, transition)
    elseif not other then
      most[transition.name] = transition
    end
    if other and other.session ~= transition.session then
      most[transition.name] = compare(report, transition, other)
    end
  end
end

return virtual_synchrony
