local convergence = {
  name = "convergence",
  guarantee = "When the cluster has settled, each process that should be a member is one, and all members see "
    .. "exactly these members, on one ring.",
  messages = {
    never = "when the cluster had settled, this process had never joined",
    not_joined = "when the cluster had settled, %s was not a member; the members should have been %s",
    members = "when the cluster had settled, %s saw the members %s; they should have been %s",
    ring = "when the cluster had settled, %s was on ring %s, and %s on ring %s",
  },
  exceptions = { "member that has ended" },
}

-- What a member saw, without those that have ended and remain.
local function seen_by(member, trace, report)
  local seen, members = {}, trace.groups[member.group]
  for address in member.settled:gmatch "[^,]+" do
    local other = members[address]
    if not trace.ended_in_merge[address] or other and other.settled then
      seen[#seen + 1] = address
    end
  end
  local text = table.concat(seen, ",")
  if text ~= member.settled then
    report:exempt "member that has ended"
  end
  return text
end

local function check_member(trace, report, member, expected, first)
  local function complain(message, ...)
    report:add(convergence, message, member, member.settled_at, member.address, ...)
  end
  if member.settled == "" then
    complain("not_joined", expected)
  elseif seen_by(member, trace, report) ~= expected then
    complain("members", member.settled, expected)
  elseif member.settled_on and first.settled_on and member.settled_on ~= first.settled_on then
    complain("ring", member.settled_on, first.address, first.settled_on)
  end
end

function convergence.check(trace, report)
  for _, member in ipairs(trace.members) do
    if member.settled and not member.address then
      report:add(convergence, "never", member, member.settled_at)
    end
  end
  for _, group in pairs(trace.groups) do
    local expected = {}
    for address, member in pairs(group) do
      expected[#expected + 1] = member.settled and address
    end
    table.sort(expected)
    for _, address in ipairs(expected) do
      check_member(trace, report, group[address], table.concat(expected, ","), group[expected[1]])
    end
  end
end

return convergence
