-- What the lines of soak/frames.c say was delivered.
local deliveries = {}

--- By ring, what one was delivered on it, as "SENDER NUMBER": in order, and as a set. The last ring, which is not over,
-- is left out.
function deliveries.by_ring(lines)
  local rings, present, last = {}, nil, nil
  for _, line in ipairs(lines) do
    local ring, message = line:match "^ring (.*)$", line:match "^message (%d+ %d+)$"
    if ring then
      present, last = { has = {} }, ring
      rings[ring] = present
    elseif message and present then
      present[#present + 1] = message
      present.has[message] = true
    end
  end
  rings[last or ""] = nil
  return rings
end

--- Calls a function with each message, and its ring, that one was delivered and the other was not, on a ring that both
-- were told of, but for what came before they had met. Answers how many there are.
function deliveries.missing(one, other, found)
  local count = 0
  for ring, messages in pairs(one) do
    local have_met = false
    for _, message in ipairs(other[ring] and messages or {}) do
      local is_there = other[ring].has[message]
      have_met = have_met or is_there
      if have_met and not is_there then
        found(message, ring)
        count = count + 1
      end
    end
  end
  return count
end

return deliveries
