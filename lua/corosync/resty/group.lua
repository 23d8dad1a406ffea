-- The public methods of groups in nginx, as far as they differ from those of other groups.

--- @module corosync.resty

local KEY = require "corosync.private"
local base = require "corosync.group"
local errors = require "corosync.errors"
local hooks = require "corosync.resty.hooks"
local send = require "corosync.group.send"
local waiting = require "corosync.resty.waiting"

local failure = errors.failure

--- @type Group
local Group = setmetatable({}, { __index = base.Group })

--- Joins: in the background, and again whenever the connection is lost. A new group is active already.
-- @treturn boolean true
-- @error nil, message, code: "no_resources" when nginx has no timer left, "closed" when the worker exits
function Group:activate()
  return hooks.activate(self[KEY])
end

--- Leaves, in the background. The leave is complete when `config_change` lists this member in `left`.
-- @treturn boolean true
function Group:deactivate()
  local record = self[KEY]
  record.wanted = false
  if record.node then
    record.node:stop()
  end
  waiting.nudge(record)
  waiting.wake_waiters(record)
  return true
end

--- Whether the group is a member, or tries to be.
-- @treturn boolean
function Group:is_active()
  return self[KEY].wanted
end

--- Lets the calling light thread wait until a condition holds, which is checked after each event of the group.
-- Not for use in this group's own handlers.
-- @tparam fun():any predicate
-- @tparam[opt] number seconds the longest to wait; the field `timeout` when absent
-- @tparam[opt] string action for the message of a failure, as "wait for"
-- @treturn boolean true
-- @error nil, message, code: "timeout", "dispatching", "wrong_phase" where light threads cannot wait, "not_joined" when
-- the worker exits and has left the group
function Group:wait_for(predicate, seconds, action)
  return hooks.wait_for(self[KEY], predicate, seconds or self.timeout, action or "wait for")
end

-- Whether it has lost its connection and reconnects.
local function is_away(record)
  return record.lost and record.wanted and record.state ~= "joined"
end

local function is_settled(record)
  return record.state == "joined" or record.lost or not record.wanted
end

--- Sends a message to all members, including this one. Waits, without blocking the worker, until the group has joined,
-- and while Corosync cannot take more, at most `timeout` seconds each. It does not wait while Corosync is away. In a
-- phase where nothing can wait (`log_by_lua`, for instance) it returns at once. It also waits while the group has sent
-- as much as may wait for its handlers (see @{corosync.group}). Then it fails at once inside a handler of the group,
-- and inside another group's handler if this group's handler waits for that group.
-- @tparam string|string[] message up to 1047552 bytes, or an array of at most 63 strings, sent as one message
-- @tparam[opt="agreed"] string guarantee "agreed" or "fifo"
-- @treturn boolean true: Corosync has taken it
-- @error nil, message, code: "not_connected", "not_joined" (the group is not active, or the worker is exiting),
-- "timeout" (nothing was sent), "backlog" in a handler; "try_again", "backlog", "wrong_phase" where nothing can wait;
-- "too_big", "too_many"; raises for anything but strings
function Group:send_message(message, guarantee)
  local record = self[KEY]
  local ok, why, code = hooks.wait_for(record, function() return is_settled(record) end, self.timeout,
    "complete the join of")
  if not ok then
    return nil, why, code
  elseif is_away(record) then
    return failure("send to", self, record.lost, "not_connected")
  elseif waiting.is_over(record) then
    return failure("send to", self, waiting.OVER, "not_joined")
  end
  return send.message(self, message, guarantee) -- not the one in C: a coroutine cannot yield across it
end

--- This node's address in the group, as `config_change` gives it: the one of all its workers. With `per = "worker"`,
-- this worker's.
-- @treturn corosync.cpg.address
-- @error nil, message, "not_connected" before the first connection
function Group:address()
  local record = self[KEY]
  record.address = record.handle and record.handle:address() or record.address
  if record.address then
    return record.address
  end
  return failure("give the address in", self, record.lost or "it is not connected yet", "not_connected")
end

--- The group's members, as for @{corosync.group}: once joined, those that `config_change` was last called with.
-- @treturn corosync.cpg.address[] empty when the group has no members
-- @error nil, message, code: "not_connected"
function Group:members()
  local record = self[KEY]
  if not record.handle then
    return failure("list the members of", self, record.lost or "it is not connected yet", "not_connected")
  end
  return base.Group.members(self)
end

--- The group's settled view, as for @{corosync.group}.
-- @treturn corosync.group.view
-- @error nil, message, code: "try_again", "not_joined", "not_connected"
function Group:view()
  local record = self[KEY]
  if is_away(record) then
    return failure("give the view of", self, record.lost, "not_connected")
  end
  return base.Group.view(self)
end

-- Only the group's light thread handles events, so that they stay in order.
function Group:step()
  return failure("handle an event of", self, "its own light thread does", "dispatching")
end

Group.dispatch = Group.step

errors.guard_methods(Group, KEY, "group")

return Group
