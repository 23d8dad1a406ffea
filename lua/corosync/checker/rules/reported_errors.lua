local reported_errors = {
  name = "reported_errors",
  guarantee = "Each error that a script announces with `history.note` is reported once, and then no other error is.",
  messages = {
    missing = "the error '%s' was raised, but not reported",
    unknown = "an error was reported that was not raised, or was reported before: %s",
  },
}

-- Before its error is raised.
function reported_errors.on_raise(_, member, event)
  member.raised = member.raised or {}
  member.raised[event[2]] = member.raised[event[2]] or {}
  table.insert(member.raised[event[2]], event)
end

function reported_errors.on_error(_, member, event)
  for word in event[2]:gmatch "[%w_]+" do
    local raised = member.raised and member.raised[word]
    if raised and table.remove(raised) then
      return
    end
  end
  member.unknown_errors = member.unknown_errors or {}
  table.insert(member.unknown_errors, event)
end

-- A script that announces no error is not checked. A process may be killed before it reports its last one.
function reported_errors.on_end(report, member)
  for _, event in ipairs(member.raised and member.unknown_errors or {}) do
    report:add(reported_errors, "unknown", member, event.line, event[2])
  end
  local events = member.history.events
  for word, raised in pairs(member.raised or {}) do
    for _, event in ipairs(raised) do
      if event ~= events[#events] then
        report:add(reported_errors, "missing", member, event.line, word)
      end
    end
  end
end

return reported_errors
