-- Who called the library: at its line wrong arguments are told. A sandbox may have no debug library.
local getinfo = debug and debug.getinfo
local ROOT = getinfo and getinfo(1, "S").source:match "^(.*[/\\])corosync[/\\]" or "@"

local function is_ours(source)
  local package = source:sub(1, #ROOT) == ROOT and source:sub(#ROOT + 1):match "^(%l+)[/\\]"
  return package == "corosync" or package == "cpgrun"
end

-- The level of the first function of Lua's that is not ours, for the function that called this one.
local function level()
  local found = 2
  local info = getinfo(found, "Sl")
  while info and (info.currentline < 0 or is_ours(info.source)) do
    found = found + 1
    info = getinfo(found, "Sl")
  end
  return found - 1
end

local caller = {}

-- As error, at the caller's line where that can be found.
function caller.raise(message, ...)
  error(message:format(...), getinfo and level() or 0)
end

return caller
