-- Values as words of a history's line, which are separated by spaces.
local word = {}

-- The types of values that can be written.
word.TYPES = { string = true, number = true, boolean = true, ["nil"] = true }

-- Lua 5.3 writes 3.0 where others write 3, and tostring shortens large numbers.
function word.number(value)
  if value % 1 == 0 and value >= -2 ^ 63 and value < 2 ^ 63 then
    return ("%d"):format(value)
  end
  return ("%.17g"):format(value)
end

-- A word without spaces. "-" is nil, and a single backslash an empty string.
function word.of(value)
  if value == nil then
    return "-"
  elseif type(value) == "number" then
    return word.number(value)
  end
  local text = tostring(value):gsub("[%c%s\\]", function(character) return ("\\%03d"):format(character:byte()) end)
  return text == "" and "\\" or text == "-" and "\\045" or text
end

-- A moment of the machine's monotonic clock.
function word.time(seconds)
  return ("%.9f"):format(seconds)
end

return word
