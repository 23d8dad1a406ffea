-- The ids of rings, as text: the node that formed it, and a number that grows.
local ring = {}

-- The number in two parts, each of which a number of every Lua holds exactly.
local function parts_of(id)
  local digits = tostring(id):match ":(%d+)$"
  if digits then
    return tonumber(digits:sub(1, -16)) or 0, tonumber(digits:sub(-15))
  end
end

--- Returns how much the number has grown from one ring to the next; nil if either has none.
function ring.growth(from, to)
  local high, low = parts_of(from)
  local next_high, next_low = parts_of(to)
  return high and next_high and (next_high - high) * 1e15 + (next_low - low)
end

function ring.is_older(id, than)
  local growth = ring.growth(than, id)
  return growth ~= nil and growth < 0
end

return ring
