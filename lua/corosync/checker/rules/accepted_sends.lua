local accepted_sends = {
  name = "accepted_sends",
  guarantee = "A message whose send returned true is delivered to its sender, unless the sender's membership ended "
    .. "other than by a leave.",
  messages = {
    lost = "%s: send of message %s returned true, but the message was never delivered to its sender",
    not_member = "send of message %s returned true, but the sender was not a member and had not called `activate()`",
    not_joined = "send of message %s returned true, but the sender never joined",
  },
}

function accepted_sends.on_accepted(report, member, event, digest)
  if not member.session and not member.wanted then
    report:add(accepted_sends, "not_member", member, event.line, digest)
  end
end

function accepted_sends.on_quiet(report, member, event)
  if not member.session and member.first_ahead then
    report:add(accepted_sends, "not_joined", member, event.line, member.sent[member.first_ahead])
  end
end

-- The position of the first own message that may come next.
local function next_own(session)
  local configurations = session.configurations
  for i = #configurations, 1, -1 do
    local deliveries = configurations[i].deliveries
    for k = #deliveries, 1, -1 do
      if deliveries[k].position and deliveries[k].sender == session.address then
        return deliveries[k].position + 1
      end
    end
  end
  return session.first
end

function accepted_sends.check(trace, report)
  for _, session in ipairs(trace.sessions) do
    local expected = session.expects and next_own(session)
    if expected and expected <= session.expects then
      local member = session.member
      report:add(accepted_sends, "lost", session, member.sent_at[expected], session.address, member.sent[expected])
    end
  end
end

return accepted_sends
