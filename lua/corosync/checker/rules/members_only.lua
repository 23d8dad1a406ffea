local members_only = {
  name = "members_only",
  guarantee = "Messages are delivered to members, from members, and none from before the join.",
  messages = {
    not_member = "message %s of %s was delivered to a process that was not a member",
    not_joined = "a configuration was delivered to %s before its own join",
    not_sender = "%s delivered message %s of %s, which was not a member",
    before_join = "%s delivered message %s of %s from before it joined",
  },
}

function members_only.on_message(report, member, event)
  local session, sender = member.session, event[2]
  if not session then
    report:add(members_only, "not_member", member, event.line, event[3], sender)
  elseif not session.configuration.present[sender] then
    report:add(members_only, "not_sender", member, event.line, session.address, event[3], sender)
  end
end

function members_only.on_change(report, member, change, is_foreign)
  if not is_foreign and not member.session and not change.is_own_join then
    report:add(members_only, "not_joined", member, change.line, change.own)
  end
end

-- ---- messages from before a join ----

-- By address: for each time that a sender was told that it joined, the id of the last of its own messages that the
-- sender had been delivered.
local function own_before(member)
  local joins, last = {}, 0
  for _, session in ipairs(member.sessions) do
    for _, configuration in ipairs(session.configurations) do
      for address, reason in pairs(configuration.joined or {}) do
        if reason == "join" then
          joins[address] = joins[address] or {}
          table.insert(joins[address], last)
        end
      end
      for _, delivery in ipairs(configuration.deliveries) do
        last = delivery.sender == session.address and delivery.id or last
      end
    end
  end
  return joins
end

-- Reports the first message of each sender that was told of every join of the member. `joins` has by sender what
-- own_before returns.
local function check_member(report, member, joins)
  local found = {}
  for i, session in ipairs(member.sessions) do
    for _, configuration in ipairs(session.configurations) do
      for _, delivery in ipairs(configuration.deliveries) do
        local sender = delivery.sender
        local last = sender ~= member.address and joins[sender] and joins[sender][member.address]
        if last and #last == #member.sessions and delivery.id and delivery.id <= last[i] and not found[sender] then
          found[sender] = true
          report:add(members_only, "before_join", session, delivery.line, member.address, delivery.digest, sender)
        end
      end
    end
  end
end

function members_only.check(trace, report)
  for _, group in pairs(trace.groups) do
    local joins = {}
    for address, member in pairs(group) do
      joins[address] = own_before(member)
    end
    for _, member in pairs(group) do
      if member.untold_sessions == 0 then
        check_member(report, member, joins)
      end
    end
  end
end

return members_only
