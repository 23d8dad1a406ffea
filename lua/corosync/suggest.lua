-- Whether a name is probably a misspelling of another.
local function letters(name)
  return (name:lower():gsub("_", ""))
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

-- Letters that changed places, one too many or too few, capitals, underscores.
return function(name, meant)
  local one, other = letters(name), letters(meant)
  return name ~= meant and (sorted(one) == sorted(other) or lacks_one(one, other) or lacks_one(other, one))
end
