-- Notes of a node, which last until it loses power.
local notes = {} -- methods of World

local function numbers_of(text)
  local numbers = {}
  for number in (text or ""):gmatch "%d+" do
    numbers[#numbers + 1] = tonumber(number)
  end
  return numbers
end

local function is_greater(text, other)
  local old, new = numbers_of(other), numbers_of(text)
  for i, number in ipairs(new) do
    if number ~= old[i] then
      return number > (old[i] or -1)
    end
  end
  return false
end

-- Keeps a note of a process of a node, which is a text of numbers: the greatest one of each kind.
function notes:note(id, kind, text)
  local node, field = self.nodes[id], kind == "held" and "noted" or "promised"
  node[field] = is_greater(text, node[field]) and text or node[field]
end

return notes
