-- A wrong argument that the C half refuses is the caller's, not of the library's line that passed it on.
local caller = require "corosync.caller"

local function finish(name, shift, ok, ...)
  if ok then
    return ...
  end
  local problem = ...
  local number, why = tostring(problem):match "bad argument #(%d+) to '[^']*' (%(.*%))$"
  if number then
    caller.raise("bad argument #%d to '%s' %s", number + shift, name, why)
  end
  error(problem, 0)
end

-- Calls a function of C's for the function of the library that has that name; `shift` is added to an argument's number.
return function(name, shift, f, ...)
  return finish(name, shift, pcall(f, ...))
end
