local membership_accuracy = {
  name = "membership_accuracy",
  guarantee = "Other members join and leave when and why their own histories say that they did.",
  messages = {
    join = "%s was told that %s joined on ring %s with the reason 'join', but it did not join there",
    procdown = "%s was told that %s left with the reason 'procdown', but it left by itself each time",
    back = "%s was told that %s joined after it had left for good %d times, but it has joined only %d times",
    unknown = "%s was told that %s left with the reason 'procdown', but it was not a member and has no history",
  },
  exceptions = { "unknown member left", "member that has ended" },
}

-- ---- members that join and leave ----

local function may_have_joined_on(other, ring)
  if other.untold_sessions > 0 then
    return true
  end
  for _, session in ipairs(other.sessions) do
    local first, second = session.configurations[1], session.configurations[2]
    if first.ring == ring or second and second.ring == ring or not first.ring and not second then
      return true
    end
  end
  return false
end

local function has_left_each_time(other)
  for _, session in ipairs(other.sessions) do
    if not session.has_left then
      return false
    end
  end
  return other.untold_sessions == 0
end

local ENDS = { leave = true, procdown = true }

-- `ends` counts, by address, how often the member was told that it left for good.
local function check_left(report, session, configuration, other, ends)
  local reason = configuration.left[other.address]
  ends[other.address] = (ends[other.address] or 0) + (ENDS[reason] and 1 or 0)
  if reason == "procdown" and has_left_each_time(other) then
    report:add(membership_accuracy, "procdown", session, configuration.line, session.address, other.address)
  end
end

-- A list of members that was made before a process ended may be delivered after the notice of its end.
local function check_back(report, trace, session, configuration, other, ends)
  if ends < #other.sessions + other.untold_sessions then
    return
  elseif trace.ended_in_merge[other.address] then
    report:exempt "member that has ended"
  else
    report:add(membership_accuracy, "back", session, configuration.line, session.address, other.address, ends,
      #other.sessions)
  end
end

local function check_joined(report, session, configuration, other)
  local ring = configuration.ring
  if configuration.joined[other.address] == "join" and ring and not may_have_joined_on(other, ring) then
    report:add(membership_accuracy, "join", session, configuration.line, session.address, other.address, ring)
  end
end

local function check_configuration(report, trace, session, configuration, ends)
  local members = trace.groups[session.group]
  for address in pairs(configuration.left) do
    if members[address] and address ~= session.address then
      check_left(report, session, configuration, members[address], ends)
    end
  end
  for address in pairs(configuration.joined) do
    if members[address] and address ~= session.address then
      check_joined(report, session, configuration, members[address])
      check_back(report, trace, session, configuration, members[address], ends[address] or 0)
    end
  end
end

local function check_member(report, trace, member)
  local ends = {}
  for _, session in ipairs(member.sessions) do
    for _, configuration in ipairs(session.configurations) do
      if configuration.left then
        check_configuration(report, trace, session, configuration, ends)
      end
    end
  end
end

-- ---- processes that end and were not known as members ----

-- Corosync reports the end of a process that ends while rings merge also to members that never saw it. It may not have
-- been notified itself, and then has a history without an address.
local function check_unknown(report, trace, member, has_unnamed)
  for _, left in ipairs(member.unknown_left) do
    if has_unnamed[member.group] or trace.groups[member.group][left.address] then
      report:exempt "unknown member left"
    else
      report:add(membership_accuracy, "unknown", member, left.line, member.address, left.address)
    end
  end
end

function membership_accuracy.check(trace, report)
  local has_unnamed = {}
  for _, member in ipairs(trace.members) do
    has_unnamed[member.group] = has_unnamed[member.group] or not member.address
  end
  for _, member in ipairs(trace.members) do
    check_member(report, trace, member)
    check_unknown(report, trace, member, has_unnamed)
  end
end

return membership_accuracy
