-- The xpcall handler for functions of a script: returns the text of any error value with a traceback. It never raises,
-- even when the script has removed globals. Without the debug library there is no traceback.
local getmetatable, pcall, tostring, type = getmetatable, pcall, tostring, type
local debug_traceback = debug and debug.traceback or function(text) return text end

local function text_of(problem)
  local metatable = getmetatable(problem)
  local shows_itself = type(problem) == "string" or type(problem) == "number"
    or type(metatable) == "table" and metatable.__tostring
  local ok, text = pcall(tostring, problem)
  return ok and shows_itself and type(text) == "string" and text or "(error object is a " .. type(problem) .. " value)"
end

return function(problem)
  return debug_traceback(text_of(problem), 2)
end
