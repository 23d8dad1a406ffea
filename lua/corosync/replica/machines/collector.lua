-- Sets Lua 5.4's garbage collector for a large state. The generational mode, in which `lua` and cpgrun start, sometimes
-- visits all objects at once. The incremental mode visits 6000 objects for each kB that is allocated, and a chunk of a
-- snapshot allocates many kB. With fewer objects per kB a collection is divided among many turns of the loop. Other
-- versions of Lua do this by default.
local collector = {}

local MULTIPLIER = 4 -- 300 objects for each kB

local has_divided = false

-- Called when the process has a large state. Sets the mode only once, so that the program can choose another one later.
function collector.divide()
  if _VERSION == "Lua 5.4" and not has_divided then
    has_divided = true
    collectgarbage("incremental", 0, MULTIPLIER)
  end
end

return collector
