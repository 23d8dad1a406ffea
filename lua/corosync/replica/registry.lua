-- The replicas of this process.
local registry = {}

local made = setmetatable({}, { __mode = "v" }) -- by name: the member that was made last, which may be closed

function registry.add(member)
  made[member.name] = member
end

function registry.last(name)
  return made[name]
end

-- Returns the members that are not closed, by the names of their replicas.
function registry.members()
  local open = {}
  for name, member in pairs(made) do
    open[name] = not member.is_closed and member or nil
  end
  return open
end

-- Whether a group belongs to a replica.
function registry.owns(group)
  for _, member in pairs(made) do
    if member.group == group then
      return true
    end
  end
  return false
end

return registry
