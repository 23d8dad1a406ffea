-- A script's handlers: plain functions in a table, or the methods of a class.
local handlers = {}

local KNOWN = {
  config_change = "function",
  disconnected = "function",
  error = "function",
  message_received = "function",
  ring_change = "function",
  split = "boolean",
}

-- A class is a table with `__index`, of its own or behind its metatable.
function handlers.is_class(given)
  local metatable = getmetatable(given)
  return rawget(given, "__index") ~= nil or (type(metatable) == "table" and metatable.__index ~= nil)
end

local function refuse(problem, ...)
  error(("bad argument #2 'handlers' to 'group' (" .. problem .. ")"):format(...), 4)
end

-- Raises for what corosync.group must not be given. A class may have what it likes.
function handlers.check(given)
  if type(given) ~= "table" then
    refuse("table expected, got %s", type(given))
  elseif handlers.is_class(given) then
    return
  end
  for name, value in pairs(given) do
    if not KNOWN[name] then
      refuse("unknown field '%s'", tostring(name))
    elseif type(value) ~= KNOWN[name] then
      refuse("field '%s': %s expected, got %s", name, KNOWN[name], type(value))
    end
  end
end

-- The script's function of that name, to be called without the group; or nil.
function handlers.find(group, name)
  if not group._class then
    return group._handlers[name]
  end
  local method = group[name]
  return method and function(...) return method(group, ...) end
end

-- The table for a handle: `on_config(group, left, joined)` is called before the script's config_change.
function handlers.for_handle(group, on_config)
  local own = {}
  local function define(name)
    own[name] = function(...)
      local method = group[name]
      if method then
        return method(group, ...)
      end
    end
  end
  function own.config_change(members, left, joined)
    on_config(group, left, joined)
    local config_change = handlers.find(group, "config_change")
    if config_change then
      return config_change(members, left, joined)
    end
  end
  if group._class then
    own.split = group.split
    define "message_received"
    define "ring_change"
    return own
  end
  own.split = group._handlers.split
  -- The others are looked up in the script's table at each event, so that they can be replaced.
  return setmetatable(own, { __index = group._handlers })
end

return handlers
