-- Suggestions for misspelt names.
local suggest = {}

-- The letters that are compared. Doubled letters count once, so "tll" is near "ttl".
local function letters(name)
  return (name:lower():gsub("[_-]", ""):gsub("(.)%1", "%1"))
end

local function sorted(text)
  local list = {}
  for letter in text:gmatch "." do
    list[#list + 1] = letter
  end
  table.sort(list)
  return table.concat(list)
end

-- Whether the first is the second without one letter.
local function lacks_one(one, other)
  for i = 1, #other do
    if other:sub(1, i - 1) .. other:sub(i + 1) == one then
      return true
    end
  end
  return false
end

-- Whether a name is probably a misspelling of another: letters that changed places, one too many or too few, the wrong
-- one doubled, capitals, underscores, hyphens.
function suggest.is_near(name, meant)
  local one, other = letters(name), letters(meant)
  return name ~= meant and (sorted(one) == sorted(other) or lacks_one(one, other) or lacks_one(other, one))
end

-- The end of a message about an unknown name, "" if none of the known ones is near. `known`: by name.
function suggest.guess(known, name)
  for meant in pairs(known) do
    if suggest.is_near(name, meant) then
      return (": did you mean '%s'?"):format(meant)
    end
  end
  return ""
end

-- A message about a field that a table may not have.
function suggest.unknown_field(known, field)
  return ("unknown field '%s'%s"):format(tostring(field), suggest.guess(known, tostring(field)))
end

return suggest
