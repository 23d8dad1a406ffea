-- A wrong argument that the C half refuses is the caller's, not of the library's line that passed it on.
local HERE = debug.getinfo(1, "S").source:match "^(.*[/\\])" or "@"

-- Where the library was called, as in Lua's own messages.
local function place()
  local level = 3
  local info = debug.getinfo(level, "Sl")
  while info and (info.currentline < 0 or info.source:sub(1, #HERE) == HERE) do
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return info and ("%s:%d: "):format(info.short_src, info.currentline) or ""
end

local function finish(name, shift, ok, ...)
  if ok then
    return ...
  end
  local problem = ...
  local number, why = tostring(problem):match "bad argument #(%d+) to '[^']*' (%(.*%))$"
  if number then
    problem = ("%sbad argument #%d to '%s' %s"):format(place(), number + shift, name, why)
  end
  error(problem, 0)
end

-- Calls a function of C's for the function of the library that has that name; `shift` is added to an argument's number.
return function(name, shift, f, ...)
  return finish(name, shift, pcall(f, ...))
end
