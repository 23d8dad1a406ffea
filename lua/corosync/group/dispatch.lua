-- Passes a group's events to its handlers: many in one call of C, or one at a time in the running coroutine.
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local handlers = require "corosync.group.handlers"
local loss = require "corosync.group.loss"
local pollfd = require "corosync.group.pollfd"
local script_calls = require "corosync.script_calls"

local DEFAULT_BUDGET = 1000 -- events
local VIEW_EVERY = 100 -- events: under load, too, view_change is called
local LAST_EVENTS = 1 -- second: for the events that arrive after the connection to quorum is lost, if they do not end
local FATAL = { not_connected = true, no_memory = true, overflow = true }
local FIELDS = {
  config = "config_change",
  error = "error",
  lagged = "lagged",
  message = "message_received",
  messages = "messages_received",
  ring = "ring_change",
}

local dispatch = {}

-- ---- one handler at a time, where Lua calls it (the C half does this for its own calls) ----

local runners = setmetatable({}, { __mode = "kv" }) -- by record: the coroutine that its handler runs in, or true

-- Calls a handler, and reports its error before another handler may run. Raises if the report raises.
local function call(record, handler, ...)
  runners[record] = coroutine.running() or true
  local ok, problem = script_calls.try(handler, ...)
  local reported, second = true, nil
  if not ok then
    reported, second = pcall(handlers.report, record, problem)
  end
  runners[record] = nil
  if not reported then
    error(second, 0)
  end
end

-- Whether a handler has not returned. One that has yielded never returns if its coroutine was dropped.
local function is_busy(record)
  local runner = runners[record]
  return runner == true or runner ~= nil and coroutine.status(runner) ~= "dead"
end

-- Prevents calls of the group's handlers, as a running handler does, until the returned function is called.
function dispatch.hold(record)
  local runner = runners[record]
  runners[record] = true
  return function() runners[record] = runner end
end

-- Returns nil, message, code if no event may be handled now.
local function refuse(record, action)
  if record.state == "idle" then
    return errors.failure(action, record.object, "it is not active: activate it first", "not_joined")
  end
  return errors.failure(action, record.object, "one of its handlers is running: return from it first", "dispatching")
end

-- ---- a group that has left ----

-- Codes of joins that failed for a reason that may pass.
local RETRIED = { exist = true, no_memory = true, no_resources = true, no_space = true, not_connected = true,
  timeout = true, try_again = true }

local EXPELLED = "Corosync removed this process from the group: the group joins again"

-- The group has left, and its script was notified. It joins again if it was activated meanwhile.
local function finish_leaving(record)
  if record.is_expelled and record.rejoin then
    return loss.lose(record, EXPELLED, "not_connected")
  end
  connection.close(record)
  if not record.rejoin then
    connection.release_timer(record)
    return
  end
  record.rejoin = false
  local ok, message, code = record.hooks.activate(record)
  if not ok and RETRIED[code] then
    loss.follow_failed_join(record, message, code)
  elseif not ok then
    handlers.report(record, message)
  end
end

-- ---- views ----

local function call_view_change(record, new)
  local view_change = handlers.find(record, "view_change")
  if not view_change then
    return 0
  end
  call(record, view_change, new)
  return 1
end

-- Fetches the events of quorum. When only its connection is lost the group's is given up too, after its last events or
-- after LAST_EVENTS. Returns whether there is a connection, and whether more events wait.
local function fetch_views(record, more)
  local ok, message, code = record.views:fetch()
  if ok or not FATAL[code] then
    return true, more
  end
  record.overdue = false -- no event must wait for a view that will not be made
  record.given_up_at = record.given_up_at or core.now() + LAST_EVENTS
  local is_endless = select(3, record.handle:fetch()) ~= "not_connected"
  if is_endless and core.now() >= record.given_up_at or not more and not record.handle:wait(0) then
    loss.lose(record, message, code)
    return false, false
  end
  return false, true
end

-- Calls view_change if a view is due and may be delivered now. Returns how many handlers were called, and whether more
-- events wait.
local function deliver_view(record, may_deliver, more)
  local connected, waits = fetch_views(record, more)
  if not connected then
    return 0, waits
  end
  local views = record.views
  local seconds = record.state == "joined" and views:due(record.object.settle) or nil
  local is_due = seconds ~= nil and seconds <= 0
  record.overdue = is_due and not may_deliver
  if not is_due or not may_deliver then
    record.pollset:arm(is_due and 0 or seconds)
    return 0, more or is_due
  end
  record.pollset:arm()
  local handle = record.handle
  local count = call_view_change(record, views:make())
  -- If the handler sent, events may have moved out of the descriptor; if it left, the connection may be closed.
  return count, more or handle:wait(0) or false
end

-- ---- dispatch ----

-- Called after the handle's dispatch has succeeded. Returns how many views were delivered, and whether more events
-- wait.
local function follow_up(record, handled, budget, more)
  if record.state == "left" then
    finish_leaving(record)
    return 0, false
  elseif record.pollset then
    return deliver_view(record, not record.stopped and handled < budget, more)
  elseif record.views then -- opened by `view`
    return 0, select(2, fetch_views(record, more))
  end
  return 0, more
end

function dispatch.dispatch(record, budget)
  if record.state == "idle" or is_busy(record) then
    return refuse(record, "dispatch")
  elseif record.state == "reconnecting" then
    loss.try(record)
    return 0, false
  end
  record.stopped = false
  budget = budget or DEFAULT_BUDGET
  -- A stream of events that does not end must not delay a view forever.
  local handled, more, code = record.handle:dispatch(record.overdue and budget >= 1 and budget - 1 or budget)
  local views = 0
  if handled then
    views, more = follow_up(record, handled, budget, more)
  elseif FATAL[code] then
    loss.lose(record, more, code)
    handled, more = 0, false
  end
  pollfd.show_hidden(record)
  if not handled then
    return nil, more, code
  end
  return handled + views, more
end

-- Ends the running dispatch after the present handler.
function dispatch.stop(record)
  record.stopped = true
  if record.handle then
    record.handle:stop()
  end
end

-- ---- step ----

local function look_for_view(record)
  if record.pollset then
    return deliver_view(record, true) > 0
  elseif record.views then
    fetch_views(record)
  end
  return false
end

local function deliver(record, event, ...)
  local handler = record.handle_handlers[FIELDS[event]]
  if handler then
    call(record, handler, ...)
  end
  record.steps = record.steps + 1
  if record.state == "left" then
    finish_leaving(record)
  elseif record.steps % VIEW_EVERY == 0 then
    look_for_view(record)
  end
  return true
end

local function next_event(record)
  if record.run_bytes then
    return record.handle:receive_run(record.run_bytes)
  end
  return record.handle:receive()
end

local function receive(record, event, ...)
  if event then
    return deliver(record, event, ...)
  end
  local message, code = ...
  if not code then
    return look_for_view(record)
  elseif FATAL[code] then
    loss.lose(record, message, code)
    return false
  end
  return nil, message, code
end

-- The group has left in a handler that has not returned (then the handle refuses) or has yielded forever.
local function step_after_leave(record)
  local handled, message, code = record.handle:dispatch(0)
  if not handled and code == "dispatching" then
    return nil, message, code
  end
  finish_leaving(record)
  return true
end

function dispatch.step(record)
  if record.state == "idle" or is_busy(record) then
    return refuse(record, "handle an event of")
  elseif record.state == "reconnecting" then
    loss.try(record)
    return false
  elseif record.state == "left" then
    return step_after_leave(record)
  end
  local some, message, code = receive(record, next_event(record))
  pollfd.show_hidden(record)
  if some == nil then
    return nil, message, code
  end
  return some
end

return dispatch
