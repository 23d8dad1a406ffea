-- Returns the text of any error value. It never raises, even if the script has removed globals.
local getmetatable, pcall, tostring, type = getmetatable, pcall, tostring, type

return function(problem)
  local metatable = getmetatable(problem)
  local shows_itself = type(problem) == "string" or type(problem) == "number"
    or type(metatable) == "table" and metatable.__tostring
  local ok, text = pcall(tostring, problem)
  return ok and shows_itself and type(text) == "string" and text or "(error object is a " .. type(problem) .. " value)"
end
