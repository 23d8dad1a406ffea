local integrity = {
  name = "integrity",
  guarantee = "Each message that is delivered was sent, with the same bytes, and is delivered to a member once.",
  messages = {
    unsent = "%s delivered message %s of %s, which was never sent",
    early = "%s delivered its own message %s before it sent it",
    repeated = "%s delivered message %s of %s again",
    excess = "%s delivered message %s of %s more often than it was sent (%d times)",
    unknown_sender = "%s delivered message %s of %s, whose history is missing",
    second_history = "%s has a second history; the first one is %s, and this one is not compared with others",
  },
}

for _, message in ipairs { "unsent", "repeated", "excess", "unknown_sender" } do
  integrity["on_" .. message] = function(report, session, delivery, ...)
    report:add_delivery(integrity, message, session, delivery, ...)
  end
end

function integrity.on_second_history(report, member, other)
  report:add(integrity, "second_history", member, 0, member.address, other.history.name)
end

-- A delivery is too early only if its send follows: other deliveries without a send are `unsent` or `excess`.
function integrity.on_message(_, member, event)
  local digest = event[3]
  if member.session and event[2] == member.address and (member.echoes[digest] or 0) >= (member.tries[digest] or 0) then
    member.early = member.early or {}
    member.early[digest] = event
  end
end

function integrity.on_send(report, member, event)
  local early = member.early and member.early[event[3]]
  if early then
    report:add(integrity, "early", member, early.line, member.address, event[3])
    member.early[event[3]] = nil
  end
end

return integrity
