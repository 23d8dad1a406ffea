-- Who called the library: at its line wrong arguments are told.
local ROOT = debug.getinfo(1, "S").source:match "^(.*[/\\])corosync[/\\]" or "@"

local function is_ours(source)
  local package = source:sub(1, #ROOT) == ROOT and source:sub(#ROOT + 1):match "^(%l+)[/\\]"
  return package == "corosync" or package == "cpgrun"
end

-- The level of the first function of Lua's that is not ours, for the function that called this one.
local function level()
  local found = 2
  local info = debug.getinfo(found, "Sl")
  while info and (info.currentline < 0 or is_ours(info.source)) do
    found = found + 1
    info = debug.getinfo(found, "Sl")
  end
  return found - 1
end

local caller = {}

-- As error, at the caller's line.
function caller.raise(message, ...)
  error(message:format(...), level())
end

return caller
