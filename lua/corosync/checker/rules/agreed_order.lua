local agreed_order = {
  name = "agreed_order",
  guarantee = "Any two members deliver the messages that both deliver in the same order.",
  messages = {
    reversed = "%s delivered message %s of %s after message %s of %s; %s delivered them the other way round (%s:%d)",
  },
}

local function deliveries_of(session)
  local all = {}
  for _, configuration in ipairs(session.configurations) do
    for _, delivery in ipairs(configuration.deliveries) do
      all[#all + 1] = delivery.id and delivery
    end
  end
  return all
end

-- `other` has a session, its deliveries, and by message their places. The first violation is enough.
local function compare(report, session, deliveries, other)
  local last, previous = 0, nil
  for _, delivery in ipairs(deliveries) do
    local place = other.places[delivery.id]
    if place and place < last then
      report:add_delivery(agreed_order, "reversed", session, delivery, previous.digest, previous.sender,
        other.session.address, other.session.history.name, other.deliveries[place].line)
      return
    elseif place then
      last, previous = place, delivery
    end
  end
end

local function places_of(deliveries)
  local places = {}
  for place, delivery in ipairs(deliveries) do
    places[delivery.id] = place
  end
  return places
end

function agreed_order.check(trace, report)
  local sessions, deliveries = trace.sessions, {}
  for i, session in ipairs(sessions) do
    deliveries[i] = deliveries_of(session)
  end
  for i, session in ipairs(sessions) do
    local other = { session = session, deliveries = deliveries[i], places = places_of(deliveries[i]) }
    for k = i + 1, #sessions do
      if sessions[k].group == session.group then
        compare(report, sessions[k], deliveries[k], other)
      end
    end
  end
end

return agreed_order
