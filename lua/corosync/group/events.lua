-- How a group's events reach its handlers: many at once from C, or one at a time in the running coroutine.
local alone = require "corosync.group.alone"
local comeback = require "corosync.group.comeback"
local core = require "corosync.binding"
local failure = require "corosync.failure"
local handlers = require "corosync.handlers"
local life = require "corosync.group.life"
local pollable = require "corosync.group.pollable"

local DEFAULT_BUDGET = 1000 -- events
local VIEW_EVERY = 100 -- events: under load, too, views are told
local LAST_WORDS = 1 -- second: for what comes after the loss of what tells of quorum, while it does not end
local FATAL = { not_connected = true, no_memory = true, overflow = true }
local FIELDS = { message = "message_received", config = "config_change", ring = "ring_change", lagged = "lagged" }

local events = {}

-- Why no event may be handled now: nil, message, code.
local function refuse(group, what)
  if group._state == "idle" then
    return failure(what, group, "it is not active: activate it first", "not_joined")
  end
  return failure(what, group, "one of its handlers is running: return from it first", "dispatching")
end

local function call_view_change(group, new)
  local view_change = handlers.find(group, "view_change")
  if not view_change then
    return 0
  end
  alone.call(group, view_change, new)
  return 1
end

-- Takes what has come of quorum, without which there are no views: when its connection alone is lost, the group's is
-- given up with it, once that has told all; or after a time, where ever more comes. Answers whether there is a
-- connection, and whether more waits.
local function fetch_views(group, more)
  local ok, message, code = group._views:fetch()
  if ok or not FATAL[code] then
    return true, more
  end
  group._overdue = false -- no event must wait for a view that does not come
  group._given_up_at = group._given_up_at or core.now() + LAST_WORDS
  local is_endless = select(3, group._handle:fetch()) ~= "not_connected"
  if is_endless and core.now() >= group._given_up_at or not more and not group._handle:wait(0) then
    group:_lose(message, code)
    return false, false
  end
  return false, true
end

-- Tells the script of a new view, if there is one and it may be told now. Answers how many there were, and whether more
-- waits.
local function deliver_view(group, may_tell, more)
  local connected, waits = fetch_views(group, more)
  if not connected then
    return 0, waits
  end
  local views = group._views
  local seconds = group._state == "joined" and views:due(group.settle) or nil
  local is_due = seconds ~= nil and seconds <= 0
  group._overdue = is_due and not may_tell
  if not is_due or not may_tell then
    group._pollset:arm(is_due and 0 or seconds)
    return 0, more or is_due
  end
  group._pollset:arm()
  local handle = group._handle
  local count = call_view_change(group, views:make())
  -- Its sending may have moved events out of the descriptor's sight; its leaving may have ended the connection.
  return count, more or handle:wait(0) or false
end

function events.dispatch(group, budget)
  if group._state == "idle" or alone.is_busy(group) then
    return refuse(group, "dispatch")
  elseif group._state == "reconnecting" then
    comeback.try(group)
    return 0, false
  end
  group._stopped = false
  budget = budget or DEFAULT_BUDGET
  -- Events that never end must not keep a view waiting for ever.
  local handled, more, code = group._handle:dispatch(group._overdue and budget >= 1 and budget - 1 or budget)
  if handled and group._state == "left" then
    life.finish_leaving(group)
    more = false
  elseif handled and group._pollset then
    local views
    views, more = deliver_view(group, not group._stopped and handled < budget, more)
    handled = handled + views
  elseif handled and group._views then
    more = select(2, fetch_views(group, more)) -- what `view` has opened
  elseif FATAL[code] then
    group:_lose(more, code)
    handled, more, code = 0, false, nil
  end
  if group._pollable then
    pollable.show_hidden(group)
  end
  return handled, more, code
end

local function look_for_view(group)
  if group._pollset then
    return deliver_view(group, true) > 0
  elseif group._views then
    fetch_views(group)
  end
  return false
end

local function deliver(group, event, ...)
  local handler = group._own[FIELDS[event]]
  if handler then
    alone.call(group, handler, ...)
  end
  group._steps = (group._steps or 0) + 1
  if group._state == "left" then
    life.finish_leaving(group)
  elseif group._steps % VIEW_EVERY == 0 then
    look_for_view(group)
  end
  return true
end

local function receive(group, event, ...)
  if event then
    return deliver(group, event, ...)
  end
  local message, code = ...
  if not code then
    return look_for_view(group)
  elseif FATAL[code] then
    group:_lose(message, code)
    return false
  end
  return nil, message, code
end

function events.step(group)
  if group._state == "idle" or alone.is_busy(group) then
    return refuse(group, "handle an event of")
  elseif group._state == "reconnecting" then
    comeback.try(group)
    return false
  elseif group._state == "left" then -- and its handler did not return, or runs: then the handle refuses
    local handled, message, code = group._handle:dispatch(0)
    if not handled and code == "dispatching" then
      return nil, message, code
    end
    life.finish_leaving(group)
    return true
  end
  local some, message, code = receive(group, group._handle:receive())
  pollable.show_hidden(group)
  return some, message, code
end

return events
