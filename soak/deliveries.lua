-- The deliveries in the output of soak/frames.c.
local deliveries = {}

--- Returns the messages that a member delivered, by ring, as "SENDER NUMBER": in order, and as the set `has`;
-- `following` is the ring after it. The last ring is left out, because it may be incomplete.
function deliveries.by_ring(lines)
  local rings, present, last = {}, nil, nil
  for _, line in ipairs(lines) do
    local ring, message = line:match "^ring (.*)$", line:match "^message (%d+ %d+)$"
    if ring then
      if present then
        present.following = ring
      end
      present, last = { has = {}, is_first = last == nil }, ring
      rings[ring] = present
    elseif message and present then
      present[#present + 1] = message
      present.has[message] = true
    end
  end
  rings[last or ""] = nil
  return rings
end

--- Returns an array of the messages that one member delivered on a ring and the other did not. If it is the first ring
-- of one of them, only messages after the first common one count.
function deliveries.missing(one, other)
  local found, have_met = {}, not one.is_first and not other.is_first
  for _, message in ipairs(one) do
    have_met = have_met or other.has[message]
    if have_met and not other.has[message] then
      found[#found + 1] = message
    end
  end
  return found
end

return deliveries
