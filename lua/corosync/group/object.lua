-- Makes the objects of groups.
local KEY = require "corosync.private"
local arguments = require "corosync.group.arguments"
local default_hooks = require "corosync.group.hooks"
local errors = require "corosync.errors"
local state = require "corosync.group.state"

local object = {}

local DEFAULT_TIMEOUT = 10 -- seconds

local function to_string(group)
  return ("corosync.group %s (%s)"):format(errors.quote(group.name), group[KEY].state)
end

local function metatable_of(given, base)
  if not arguments.is_class(given) then
    return { __index = base, __tostring = to_string }
  end
  return {
    __index = function(_, key)
      local value = given[key]
      if value == nil then
        value = base[key]
      end
      return value
    end,
    __tostring = to_string,
  }
end

local DEFAULTS = { __index = default_hooks }

-- Returns a group with the methods of `base`. `hooks`: those that replace the defaults of hooks.lua; `loop`: the
-- functions of a loop, unless it is corosync.loop.
function object.new(base, name, handlers_or_class, hooks, loop)
  arguments.check(name, handlers_or_class)
  local is_class = arguments.is_class(handlers_or_class)
  local group = { name = name, settle = not is_class and handlers_or_class.settle or nil, timeout = DEFAULT_TIMEOUT }
  group[KEY] = {
    object = group,
    class = is_class,
    handlers = handlers_or_class,
    hooks = setmetatable(hooks or {}, DEFAULTS),
    loop = loop,
    rejoin = false,
    state = state.FIRST,
    steps = 0,
  }
  return setmetatable(group, metatable_of(handlers_or_class, base))
end

return object
