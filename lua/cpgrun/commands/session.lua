-- Shared by the commands for a shell: they run in a coroutine until they have an exit status, and then leave their
-- groups.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local uv = require "luv"

local session = {}

-- Exit statuses. With `lock`, the others are the command's.
session.NO, session.NOBODY, session.UNCERTAIN = 1, 2, 3
session.LOST, session.TIMEOUT, session.FAILED = 123, 124, 125

local BY_CODE = {
  not_equal = session.NO, not_a_number = session.NO, out_of_range = session.NO,
  uncertain = session.UNCERTAIN, applied = session.UNCERTAIN,
  timeout = session.TIMEOUT, not_ready = session.TIMEOUT,
}

local LEAVING = 5 -- seconds
local PATIENCE = 3 -- seconds before a wait is logged, and before a command has a say in a replica that nobody has
local LOOK = 20 -- milliseconds

local SIGNALS = { sighup = 1, sigint = 2, sigpipe = 13, sigterm = 15 }

local Session = {}
Session.__index = Session

-- Logs a failure, and returns its exit status.
function session.failed(message, code)
  log.error("%s", message)
  return BY_CODE[code] or session.FAILED
end

-- The first status counts.
function Session:finish(status)
  self.status = self.status or status
  loop.stop()
end

local function resume(self, routine)
  local ok, problem = coroutine.resume(routine)
  if not ok then
    log.raised(problem)
    self:finish(session.FAILED)
  end
end

-- Waits until a condition holds. Returns whether it does.
function Session:wait_until(condition, seconds)
  local routine, timer = coroutine.running(), uv.new_timer()
  local deadline = core.now() + (seconds or math.huge)
  timer:start(0, LOOK, function()
    if not timer:is_closing() and (condition() or core.now() >= deadline) then
      timer:close()
      resume(self, routine)
    end
  end)
  coroutine.yield()
  return condition()
end

-- ---- signals ----

local function come(self, name, number)
  if name == "sigpipe" and not self.native.has_hung_up() then
    return
  elseif self.status then
    os.exit(128 + number)
  elseif not self.on_signal or not self.on_signal(name) then
    self:finish(128 + number)
  end
end

local function watch_signals(self)
  for name, number in pairs(SIGNALS) do
    local handle = uv.new_signal()
    handle:start(name, function() come(self, name, number) end)
    handle:unref()
  end
end

-- ---- replicas ----

-- Returns the members of a group, or nil, message, code.
function session.members(group)
  local handle, message, code = core.cpg.open {}
  if not handle then
    return nil, message, code
  end
  local members
  members, message, code = handle:members(group)
  handle:close()
  return members, message, code
end

function Session:is_ready()
  return require("corosync.replica.member.status").serves((self.app:status()))
end

local function why_not_ready(self)
  return select(6, self.app:status()) or "it is joining"
end

-- The members with the state may have ended, and an observer would wait for them forever. So it closes the replica:
-- calls that wait fail with "closed", and the next `join` takes part.
local function take_part_later(self)
  local app, timer = self.app, uv.new_timer()
  timer:start(1000 * PATIENCE, 0, function()
    timer:close()
    if self.app == app and self.is_waiting and app:status() == "blocked" then
      self.takes_part = true
      app:close()
    end
  end)
end

local function open(self, name, is_observer, seconds)
  local message, code
  self.app, message, code = require "corosync.replica"(name, {
    observer = is_observer,
    timeout = seconds,
    suspended = function(why)
      if self.app then -- it is not leaving
        log.warning("replica %s is suspended: %s; waiting", errors.quote(name), why)
        if is_observer then
          take_part_later(self)
        end
      end
    end,
    error = function(problem)
      log.raised(problem)
      self:finish(session.FAILED)
    end,
  })
  return self.app ~= nil, message, code
end

function Session:leave()
  local app = self.app
  self.app = nil
  if app and app:close() then
    self:wait_until(function() return select(3, app:dispatch()) == "not_joined" end, LEAVING)
  end
end

-- Waits until the replica is ready. An observer whose replica stays blocked joins it again as a full member. Returns
-- true, or nil, message, code.
local function wait_to_found(self, name, is_observer, seconds)
  if self:wait_until(function() return self:is_ready() end, math.min(PATIENCE, seconds or PATIENCE)) then
    return true
  end
  log.warning("replica %s is not ready: %s; waiting", errors.quote(name), why_not_ready(self))
  if is_observer and self.app:status() == "blocked" then
    self:leave()
    return open(self, name, false, seconds)
  end
  return true
end

-- Joins a replica as self.app, and waits until it is ready. It observes, so that nobody waits for it. Only if `founds`
-- is set, and too few members have a state, it takes part. Returns true, or nil and the exit status.
function Session:join(name, founds, seconds)
  local others, message, code = session.members(name .. ".replica")
  if not others then
    return nil, session.failed(message, code)
  elseif #others == 0 and not founds then
    log.error("nobody holds replica %s: no process on this cluster is a member of it", errors.quote(name))
    return nil, session.NOBODY
  end
  local deadline = core.now() + (seconds or math.huge)
  local is_observer = #others > 0 and not self.takes_part
  local ok
  ok, message, code = open(self, name, is_observer, seconds)
  if ok and founds then
    ok, message, code = wait_to_found(self, name, is_observer, seconds)
  end
  if not ok then
    return nil, session.failed(message, code)
  elseif not self:wait_until(function() return self:is_ready() end, deadline - core.now()) then
    log.error("replica %s is not ready after %.3g s: %s", errors.quote(name), seconds, why_not_ready(self))
    return nil, session.TIMEOUT
  end
  return true
end

-- ---- running ----

local function run(self, body)
  resume(self, coroutine.create(function() self:finish(body(self)) end))
  while not self.status do
    loop.run()
  end
end

-- Runs `body(session)`, which returns the exit status, in a coroutine.
function session.run(native, body)
  local self = setmetatable({ native = native }, Session)
  local alive = uv.new_timer() -- keeps the loop running
  alive:start(1000000, 1000000, function() end)
  watch_signals(self)
  run(self, body)
  local status = self.status
  self.status = nil
  run(self, function()
    self:leave()
    return status
  end)
  return status
end

return session
