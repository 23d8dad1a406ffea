--- Groups in OpenResty, or nginx with its Lua module and lua-resty-core. Each worker process is a member of its own.
--
-- Handlers run one after another in a light thread, so they may use cosockets, `ngx.sleep`, shared dictionaries and
-- whatever else timers may:
--
--    init_worker_by_lua_block {
--      local corosync_resty = require "corosync.resty"
--      news = assert(corosync_resty.group("news", {
--        message_received = function(address, message) ngx.shared.news:set(tostring(address), message) end,
--      }))
--    }
--
-- and from any request `news:send_message "hello"`. A group has the methods of @{corosync.group}; here is what
-- differs.
--
-- No worker waits for Corosync but in short calls on this machine: opening a connection takes 15 ms, and leaving waits
-- while Corosync stands still or its membership changes. There is no polling either: one helper thread per worker waits
-- for the connections of its groups and wakes their light threads. While a handler runs, later events wait at Corosync,
-- in its memory: long work belongs in a timer or a light thread of its own.
--
-- A group connects by itself, and again by itself after Corosync has gone: `disconnected(reason)` is called as soon as
-- it has no connection, once, and `config_change` with oneself in `joined` when it has joined (again). What was sent in
-- between was missed. A new worker, after a reload or a crash, is a new member and hears the same `config_change`.
--
-- A worker that exits gracefully (`nginx -s quit`, `nginx -s reload`) leaves its groups at once. For a fast exit
-- (`nginx -s stop`) call `corosync_resty.leave()` in `exit_worker_by_lua_block`, else the others see "procdown".
--
-- Handlers must not call `ngx.exit`: it ends the light thread that calls them.
-- @module corosync.resty

if not ngx then
  error("corosync.resty works only in OpenResty, or in nginx with its Lua module", 0)
end

local backoff = require "corosync.backoff"
local core = require "corosync.binding"
local base = require "corosync.group"
local bells = require "corosync.bell"
local caller = require "corosync.caller"
local failure = require "corosync.failure"
local quoted = require "corosync.quoted"
local semaphore = require "ngx.semaphore"

local POLL = 0.01 -- seconds between looks where no thread can wait
local DAY = 86400 -- seconds
local LEAVING = 5 -- seconds that an exiting worker waits for its leaving to be told
local BUDGET = 128 -- events handled before the worker's requests get their turn
local TURN = 0.001 -- seconds: nginx without OpenResty's patches warns at each ngx.sleep(0)
local RENEW = 4000 -- events handled by one light thread, whose memory is given back only when it ends
local MAY_WAIT = { rewrite = true, access = true, content = true, timer = true, server_rewrite = true,
  preread = true, ssl_cert = true, ssl_client_hello = true, ssl_session_fetch = true }

local now = core.now

local resty = {}
local groups = {} -- of this worker, by name
local exit_is_watched = false

--- @type Group
local Group = setmetatable({}, { __index = base.Group })

local function may_wait()
  return MAY_WAIT[ngx.get_phase()] or false
end

-- What corosync.group asks of a loop.
local light = { patience = 0 }

-- Nor is anything tried for long that is no longer wanted.
function light.pause(group, seconds)
  local unwanted = not group._wanted and group._state == "idle" or group._leave_by and now() >= group._leave_by
  if unwanted or not may_wait() then
    return nil
  end
  ngx.sleep(seconds)
  return true
end

function light.watch()
  return true
end

function light.remove(group)
  if group._bell then
    group._bell:silence()
  end
end

-- ---- waiting for events ----

local function has_bell(group)
  return group._bell and not group._bell:is_silent()
end

-- The group's light thread, if it waits, has something to look at.
local function nudge(group)
  if has_bell(group) then
    group._bell:ring()
  elseif group._nudge:count() < 1 then
    group._nudge:post()
  end
end

light.wake = nudge

-- Whoever waits for something looks at it again.
local function tell_waiting(group)
  if group._waiters > 0 then
    for waiting in pairs(group._waiting) do
      waiting:post()
    end
  end
end

-- Until so many seconds are over, or a nudge.
local function nap(group, seconds)
  group._nudge:wait(seconds)
end

local function take_down_bell(group)
  if group._bell then
    group._bell:close()
    group._bell = nil
  end
end

local function poll_from_now(group, why)
  take_down_bell(group)
  group._poll = POLL
  ngx.log(ngx.WARN, ("corosync: group %s looks for events every %d ms: %s"):format(quoted(group.name), POLL * 1000,
    why))
end

-- True, or nil, message. A bell just hung may have missed a nudge, so there is no waiting yet.
local function wait_for_bell(group)
  if not has_bell(group) then
    local message
    take_down_bell(group)
    group._bell, message = bells.hang(group:fd(), group._directory)
    return group._bell and true, message
  end
  return group._bell:wait(group._leave_by and group._leave_by - now())
end

-- Waits until an event may be there, or a nudge.
local function wait_for_event(group)
  if group._poll then
    return nap(group, group._poll)
  end
  local ok, message = wait_for_bell(group)
  if not ok then
    poll_from_now(group, message)
  end
end

-- ---- the light thread ----

local function retry_later(group)
  local seconds = backoff.seconds(group._tries, ngx.worker.pid())
  group._tries = group._tries + 1
  nap(group, seconds)
end

local function connect(group)
  local ok, message = base.Group.activate(group)
  if ok then
    group._tries, group._lost, group._address = 0, nil, group._handle:address()
  elseif group._wanted then
    if not group._lost then
      group:_lose(message)
    end
    retry_later(group)
  end
end

function Group:_lose(message, code)
  self._lost = message
  -- It has left since its handlers lag: it would soon be there again.
  self._wanted = self._wanted and code ~= "overflow"
  tell_waiting(self)
  base.Group._lose(self, message, code)
end

-- Its light thread brings it back.
function Group:_stay_wanted(message)
  self._lost = message
  self:_tell_disconnected(message)
end

function Group._complain(line)
  ngx.log(ngx.ERR, line)
end

-- Leaves if that is wanted; a worker that exits does not wait for ever until it is told of it.
local function leave_if_wanted(group)
  if not group._wanted and group._state == "joined" then
    base.Group.deactivate(group)
  end
  if group._leave_by and now() >= group._leave_by and group._state ~= "idle" then
    group:_disconnect()
  end
end

local run_safely

-- After enough rounds, gives the group to a new light thread; if there can be none now, this one goes on.
local function hand_over(group)
  return group._rounds % RENEW == 0 and not ngx.worker.exiting() and ngx.timer.at(0, run_safely, group)
end

-- Handles an event, or waits for one.
local function serve(group)
  leave_if_wanted(group)
  local some = group:_step()
  if some == false and group._state ~= "idle" then
    wait_for_event(group)
  elseif some then
    tell_waiting(group)
    if group._rounds % BUDGET == 0 then
      ngx.sleep(TURN)
    end
  end
end

-- Until the group is no longer active, or was handed over: answers true then.
local function run(group)
  local handed_over
  group._thread, group._rounds = coroutine.running(), 0
  repeat
    group._rounds = group._rounds + 1
    if group._state ~= "idle" then
      serve(group)
    elseif group._wanted then
      connect(group)
    else
      break
    end
    handed_over = hand_over(group)
  until handed_over
  take_down_bell(group)
  return handed_over
end

-- No handler's error comes here. But a group without a light thread would be a member that hears nothing.
local function recover(group, problem)
  group:_lose(problem)
  retry_later(group)
end

function run_safely(premature, group)
  if premature then
    group._wanted = false
  end
  local ok, handed_over
  repeat
    ok, handed_over = xpcall(run, debug.traceback, group)
    if not ok then
      recover(group, handed_over)
    end
  until ok
  group._thread = nil -- nginx uses coroutines again
  group._running = handed_over or false
  tell_waiting(group)
end

-- Makes sure that there is a light thread, and that it looks at what was changed.
local function start(group)
  if group._running then
    nudge(group)
    return true
  end
  local ok, message = ngx.timer.at(0, run_safely, group)
  if not ok then
    return failure("start the light thread of", group, message, "no_resources")
  end
  group._running = true
  return true
end

-- ---- the worker's exit ----

local function leave_at_exit(group)
  group._wanted, group._leave_by = false, now() + LEAVING
  -- At once, even if its light thread waits in a handler.
  if group._state == "joined" and group._handle:leave() then
    group._state = "leaving"
  end
  nudge(group)
  tell_waiting(group)
end

-- A timer that does not come for a day comes before its time when the worker is to exit.
local function watch_exit()
  local message
  if not exit_is_watched then
    exit_is_watched, message = ngx.timer.every(DAY, function(premature)
      for _, group in pairs(premature and groups or {}) do
        leave_at_exit(group)
      end
    end)
  end
  return exit_is_watched, message
end

-- ---- what scripts call ----

--- Joins: in the background, and again whenever the connection is lost. A new group is active already.
-- @treturn boolean true
-- @error nil, message, "no_resources" when nginx has no timer left
function Group:activate()
  self._wanted, self._lost = true, nil
  return start(self)
end

--- Leaves, in the background: complete when `config_change` lists oneself in `left`.
-- @treturn boolean true
function Group:deactivate()
  self._wanted = false
  nudge(self)
  tell_waiting(self)
  return true
end

--- Whether the group is a member, or tries to be.
-- @treturn boolean
function Group:is_active()
  return self._wanted
end

-- Every waiter has a semaphore of its own: one that waits again must not take another's turn.
local function wait_until(group, predicate, deadline)
  local own = semaphore.new()
  group._waiting[own], group._waiters = true, group._waiters + 1
  local holds, left
  repeat
    left = deadline - now()
    if left > 0 then
      own:wait(math.min(left, DAY)) -- nginx counts milliseconds in 31 bits
    end
    holds = predicate()
  until holds or left <= 0 or left ~= left
  group._waiting[own], group._waiters = nil, group._waiters - 1
  return holds
end

--- Lets the calling light thread wait until something holds; it is looked at after each event of the group.
-- Not for use in this group's own handlers.
-- @tparam function predicate
-- @tparam[opt] number seconds the longest to wait; the field `timeout` when absent
-- @tparam[opt] string what is waited for, for the message
-- @treturn boolean true
-- @error nil, message, code: "timeout", "dispatching", "wrong_phase" where light threads cannot wait
function Group:wait_for(predicate, seconds, what)
  seconds, what = seconds or self.timeout, what or "wait for"
  if predicate() then
    return true
  elseif self._thread and self._thread == coroutine.running() then
    return failure(what, self, "its own handler would wait for itself", "dispatching")
  elseif not may_wait() then
    return failure(what, self, ("nothing can wait in the phase '%s'"):format(ngx.get_phase()), "wrong_phase")
  end
  if wait_until(self, predicate, now() + seconds) then
    return true
  end
  return failure(what, self, ("not within %g s"):format(seconds), "timeout")
end

local function is_settled(group)
  return group._state == "joined" or group._lost or not group._wanted
end

--- Sends a message to all members, oneself included. Waits, without holding up the worker, until the group has
-- joined, and while Corosync cannot take more, at most `timeout` seconds each. It does not wait while Corosync is away.
-- In a phase where nothing can wait (`log_by_lua`, for instance) it answers at once.
-- @tparam string|table message up to 1047552 bytes, or an array of at most 63 strings, sent as one message
-- @tparam[opt="agreed"] string guarantee "agreed" or "fifo"
-- @treturn boolean true: Corosync has taken it
-- @error nil, message, code: "not_connected", "not_joined" (the group is not active, or the worker is exiting),
-- "timeout" (nothing was sent), "try_again" and "wrong_phase" where nothing can wait, "too_big", "too_many"; raises for
-- anything but strings
function Group:send_message(message, guarantee)
  local ok, why, code = self:wait_for(function() return is_settled(self) end, nil, "complete the join of")
  if not ok then
    return nil, why, code
  elseif self._lost and self._state ~= "joined" then
    return failure("send to", self, self._lost, "not_connected")
  end
  return base.Group.send_message(self, message, guarantee)
end

--- This worker's address as members see it.
-- @treturn table address
-- @error nil, message, "not_connected" before the first connection
function Group:address()
  if self._address then
    return self._address
  end
  return failure("give the address in", self, self._lost or "it is not connected yet", "not_connected")
end

--- The group's members as the local Corosync sees them now.
-- @treturn table array of addresses; empty when nobody is in the group
-- @error nil, message, code: "not_connected"
function Group:members()
  if not self._handle then
    return failure("list the members of", self, self._lost or "it is not connected yet", "not_connected")
  end
  return base.Group.members(self)
end

-- What handles events is the group's light thread alone, so that they stay in order.
Group._step = base.Group.step

function Group:step()
  return failure("handle an event of", self, "its own light thread does", "dispatching")
end

Group.dispatch = Group.step

local OPTIONS = { directory = "string", poll = "number" }

-- nginx counts whole milliseconds.
local function is_pause(seconds)
  return seconds >= 0.001 and seconds <= DAY
end

local function check_options(options)
  if type(options) ~= "table" then
    caller.raise("bad argument #3 'options' to 'group' (table expected, got %s)", type(options))
  end
  for name, value in pairs(options) do
    if type(value) ~= OPTIONS[name] then
      caller.raise("bad argument #3 'options' to 'group' (field '%s': %s)", tostring(name),
        OPTIONS[name] and OPTIONS[name] .. " expected, got " .. type(value) or "unknown")
    end
  end
  if options.poll and not is_pause(options.poll) then
    caller.raise("bad argument #3 'options' to 'group' (field 'poll': 0.001 to %d seconds expected, got %g)", DAY,
      options.poll)
  end
end

local function prepare(group, options)
  group._loop = light
  group._directory, group._poll = options.directory or "/tmp", options.poll
  group._nudge, group._tries, group._waiting, group._waiters = semaphore.new(), 0, {}, 0
end

--- The functions of the module.
-- @section functions

--- Makes this worker a member of a group: call it in `init_worker_by_lua`. The join is made in the background.
-- @tparam string name 1 to 128 bytes, any bytes
-- @tparam table handlers_or_class as for @{corosync.group}
-- @tparam[opt] table options `directory`, where the socket to the helper thread is made for a moment ("/tmp"); `poll`,
-- seconds, to look for events so often instead of using a helper thread. Without threads it is 0.01.
-- @treturn Group
-- @error nil, message, code: "wrong_phase" in `init_by_lua`, whose master process has no workers yet; "exist" when this
-- worker has a group of that name; "no_resources". Raises for wrong arguments.
function resty.group(name, handlers_or_class, options)
  options = options or {}
  check_options(options)
  local group = base.derive(Group, name, handlers_or_class)
  prepare(group, options)
  if ngx.get_phase() == "init" then
    return failure("join", group, "init_by_lua runs in the master process, and members are its workers: "
      .. "call it in init_worker_by_lua", "wrong_phase")
  elseif groups[name] then
    return failure("join", group, "this worker has a group of that name already", "exist")
  end
  local ok, message = watch_exit()
  if not ok then
    return failure("watch the worker's exit for", group, message, "no_resources")
  end
  local code
  ok, message, code = group:activate()
  if not ok then
    return nil, message, code
  end
  groups[name] = group
  return group
end

--- Leaves all groups of this worker, at once and for good: for `exit_worker_by_lua_block`.
function resty.leave()
  for _, group in pairs(groups) do
    group._wanted = false
    if group._state == "joined" then
      group._handle:leave()
    end
    group:_disconnect()
  end
end

return resty
