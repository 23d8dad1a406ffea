-- The replicas of this process.
local registry = {}

local made = setmetatable({}, { __mode = "v" }) -- by name: the member that was made last, which may be closed

function registry.add(owner)
  made[owner.name] = owner
end

function registry.last(name)
  return made[name]
end

-- Returns the members that are not closed, by the names of their replicas.
function registry.members()
  local open = {}
  for name, owner in pairs(made) do
    open[name] = not owner.is_closed and owner or nil
  end
  return open
end

-- Whether a group belongs to a replica.
function registry.owns(group)
  for _, owner in pairs(made) do
    if owner.group == group then
      return true
    end
  end
  return false
end

return registry
