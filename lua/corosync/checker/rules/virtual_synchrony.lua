local transitions = require "corosync.checker.transition"

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

-- ---- transitions with the same name ----

-- A member that leaves and joins again on one ring makes transitions with the same name, its own and the others'.
local function find_repeated(all)
  local seen, repeated = {}, {}
  for _, transition in ipairs(all) do
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

-- Whether, until nodes change, one delivers more of those that go then.
local function delivers_more(one, other)
  local configurations, k = one.session.configurations, one.index + 1
  while configurations[k] and not configurations[k].by_nodes do
    for _, delivery in ipairs(configurations[k].deliveries) do
      if transitions.goes_for_both(one, other, delivery.sender) then
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
    local is_gone = transitions.goes_for_both(one, other, delivery.sender)
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
      elseif has_earlier and each.is_here and not delivery.has_equals and not transitions.is_in_pieces(delivery)
        and not transitions.goes_for_both(one, other, delivery.sender) then
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
  local all = transitions.of(trace, report)
  local repeated, most, by_message = find_repeated(all), {}, {}
  for _, transition in ipairs(all) do
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
