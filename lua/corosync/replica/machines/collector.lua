-- How Lua 5.4 collects garbage beside a large state. Its generational mode, in which `lua` and cpgrun begin, now and
-- then visits all objects at once; its incremental mode visits 6000 for each kB of new objects, which a chunk of a
-- snapshot makes many of. With fewer per kB a collection is divided among many turns of the loop. In other versions
-- of Lua it is by default.
local collector = {}

local MULTIPLIER = 4 -- 300 objects for each kB

local has_divided = false

-- Called when the process has a large state. Once: the program may choose another mode afterwards.
function collector.divide()
  if _VERSION == "Lua 5.4" and not has_divided then
    has_divided = true
    collectgarbage("incremental", 0, MULTIPLIER)
  end
end

return collector
