-- The set of luv's handles that belong to this package and not to the script. A host that replaces the script closes
-- the others.
local own = {}

-- Marks a handle, and returns it.
return setmetatable(own, { __mode = "k", __call = function(_, handle)
  own[handle] = true
  return handle
end })
