-- Makes the objects of groups, each with a private record. Besides those that `new` sets, the record has these fields,
-- by the file that sets them:
--   state         sender: the handle, while sends may use it directly; send_waits: a send waits for room
--   connection    handle: the present connection; previous: the last one, which passes its addresses on
--                 address: this member's, also after the connection was closed
--                 handle_handlers: the functions that the handle calls
--                 views: of view.lua; pollset: one descriptor for the handle and views, if there is a view_change
--                 timer: for tries to reconnect, opened when the group joins
--                 is_observed: a recorder was there when the connection was opened
--                 is_expelled: Corosync has reported a leave that was not asked for
--   loss          backoff: when the next try to reconnect is due; ended_by: the code of a loss after which it does not
--                 reconnect
--   dispatch      stopped: the running dispatch must end
--                 overdue: a view is due, but the budget was used up by events
--                 given_up_at: when a group whose connection to quorum is lost is given up
--   pollfd        pollfd, shows_hidden
--   counters      counters
--   handlers      lookup: the metatable that finds message_received
--   replica/member/membership     is_paused: its member has left for a while, and joins again by itself
-- `rejoin` (the group must join again once it has left) is set by several. resty/thread.lua lists the fields of nginx.
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
