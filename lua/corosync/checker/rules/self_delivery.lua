local self_delivery = {
  name = "self_delivery",
  guarantee = "A member's own messages are delivered to it, from the first on, while it stays a member.",
  messages = { skipped = "%s sent message %s, and delivered a later one of its own without it" },
}

local function check_session(report, session)
  local expected, member = session.first, session.member
  for _, configuration in ipairs(session.configurations) do
    for _, delivery in ipairs(configuration.deliveries) do
      if delivery.position and delivery.sender == session.address then
        if delivery.position > expected and expected <= member.certain then
          report:add(self_delivery, "skipped", session, delivery.line, session.address, member.sent[expected])
        end
        expected = delivery.position + 1
      end
    end
  end
end

function self_delivery.check(trace, report)
  for _, session in ipairs(trace.sessions) do
    check_session(report, session)
  end
end

return self_delivery
