-- Members that were there when their ring was formed must be told the same changes from the first one on; a process
-- that joins, from its join on; each as far as it was there.
local list = require "corosync.list"

local membership_agreement = {
  name = "membership_agreement",
  guarantee = "On one ring all members are told the same changes of membership in the same order, and have the same "
    .. "members.",
  messages = {
    change = "on ring %s, %s was told of %s, but %s of %s",
    members = "on ring %s, after %s, %s has the members %s, but %s has %s",
  },
  exceptions = { "last messages of a node that is gone", "unknown member left", "member that has ended" },
}

local FORMED = "the forming of the ring"

-- ---- segments: what one member was told on one ring ----

-- What a configuration changed, as text.
local function change_of(configuration)
  local items = {}
  for _, changed in ipairs { configuration.left, configuration.joined } do
    for address, reason in pairs(changed) do
      items[#items + 1] = address .. "=" .. reason
    end
  end
  table.sort(items)
  return table.concat(items, ",")
end

local function step_of(configuration)
  return { change = configuration.left and change_of(configuration) or FORMED, members = configuration.members,
    line = configuration.line }
end

-- The segment of a process that joins begins with its join, after which it may be told of the ring.
local function new_segment(session, i)
  local configurations = session.configurations
  local has_joined = i == 1 or i == 2 and not configurations[1].ring
  local first = step_of(configurations[has_joined and 1 or i])
  return { session = session, ring = configurations[i].ring, has_joined = has_joined, steps = { first } }
end

local function segments_of(session)
  local segments, segment = {}, nil
  for i, configuration in ipairs(session.configurations) do
    if not configuration.left or i == 1 and configuration.ring then
      segment = new_segment(session, i)
      segments[#segments + 1] = segment
    elseif segment and configuration.by_nodes then
      segment.ended_by, segment = configuration.left, nil
    elseif segment then
      table.insert(segment.steps, step_of(configuration))
    end
  end
  return segments
end

local function group_by_ring(trace)
  local by_ring, order = {}, {}
  for _, session in ipairs(trace.sessions) do
    for _, segment in ipairs(segments_of(session)) do
      local key = session.group .. " " .. segment.ring
      if not by_ring[key] then
        by_ring[key] = {}
        order[#order + 1] = by_ring[key]
      end
      table.insert(by_ring[key], segment)
    end
  end
  return order
end

-- ---- where one segment fits into another ----

local function without(members, ended)
  local remaining = {}
  for address in members:gmatch "[^,]+" do
    if not ended[address] then
      remaining[#remaining + 1] = address
    end
  end
  return table.concat(remaining, ",")
end

local function have_same_members(one, other, ended)
  return one.members == other.members or without(one.members, ended) == without(other.members, ended)
end

-- Returns the first step of a segment that differs from the other's, which begins there, and the other's step.
local function different_step(segment, other, from, ended)
  for i, step in ipairs(segment.steps) do
    local others = other.steps[from + i - 1]
    if not others then
      return nil
    elseif step.change ~= others.change or not have_same_members(step, others, ended) then
      return step, others
    end
  end
end

-- Returns the steps of the other with which a segment may begin, and of a step with which it may not, the first that
-- differs, of both.
local function places_of(segment, other, ended)
  local places, step, others = {}, nil, nil
  for from, beginning in ipairs(other.steps) do
    if beginning.change == segment.steps[1].change then
      local different, from_other = different_step(segment, other, from, ended)
      if different then
        step, others = different, from_other
      else
        places[#places + 1] = from
      end
    end
  end
  return places, step, others
end

-- ---- the whole ring ----

-- Appends what a segment has after the end of the longest one. Returns true if there was such.
local function extend(longest, segment, ended)
  local places, length = places_of(segment, longest, ended), #longest.steps
  for i = length + 1, #places == 1 and places[1] + #segment.steps - 1 or 0 do
    longest.steps[i] = segment.steps[i - places[1] + 1]
  end
  return #longest.steps > length
end

local function is_longer(segment, other)
  if segment.has_joined ~= other.has_joined then
    return other.has_joined
  end
  return #segment.steps > #other.steps
end

-- Returns the longest segment: the changes on the ring, as far as they are known.
local function longest_of(segments, ended)
  local longest = segments[1]
  for _, segment in ipairs(segments) do
    longest = is_longer(segment, longest) and segment or longest
  end
  longest = { session = longest.session, steps = list.copy(longest.steps) }
  local has_grown
  repeat
    has_grown = false
    for _, segment in ipairs(segments) do
      has_grown = extend(longest, segment, ended) or has_grown
    end
  until not has_grown
  return longest
end

-- How often each address begins a segment by its join.
local function count_joins(segments)
  local joins = {}
  for _, segment in ipairs(segments) do
    local address = segment.session.address
    joins[address] = (joins[address] or 0) + (segment.has_joined and 1 or 0)
  end
  return joins
end

-- By node: whether it goes down when the ring ends, for any of its members.
local function gone_of(segments)
  local gone = {}
  for _, segment in ipairs(segments) do
    for address, reason in pairs(segment.ended_by or {}) do
      local node = address:match "^%d+"
      gone[node] = reason == "nodedown" or gone[node]
    end
  end
  return gone
end

local function count(steps, change)
  local found = 0
  for _, step in ipairs(steps) do
    found = found + (step.change == change and 1 or 0)
  end
  return found
end

local function concerns_only(step, nodes)
  for node in step.change:gmatch "(%d+):%d+=" do
    if not nodes[node] then
      return false
    end
  end
  return step.change ~= FORMED
end

local function complain(report, segment, step, longest, others)
  local address, other = segment.session.address, longest.session.address
  if step.change == others.change then
    report:add(membership_agreement, "members", segment.session, step.line, segment.ring, step.change, address,
      step.members, other, others.members)
  else
    report:add(membership_agreement, "change", segment.session, step.line, segment.ring, address, step.change,
      other, others.change)
  end
end

-- The segment of a process that joins more than once on a ring must fit after one of its joins, or after one that the
-- longest does not have.
local function check_segment(report, segment, longest, ring)
  local places, step, others = places_of(segment, longest, ring.ended)
  local joins = segment.has_joined and ring.joins[segment.session.address] or 0
  if #places > 0 or not step or joins > count(longest.steps, segment.steps[1].change) then
    return
  elseif concerns_only(step, ring.gone) or concerns_only(others, ring.gone) then
    report:exempt "last messages of a node that is gone"
  else
    complain(report, segment, step, longest, others)
  end
end

function membership_agreement.check(trace, report)
  for _, segments in ipairs(group_by_ring(trace)) do
    local ring = { joins = count_joins(segments), gone = gone_of(segments), ended = trace.ended_in_merge }
    local longest = longest_of(segments, ring.ended)
    for _, segment in ipairs(segments) do
      check_segment(report, segment, longest, ring)
    end
  end
end

return membership_agreement
