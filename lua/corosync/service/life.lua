-- How a service's connection comes and goes, and what is told of that: in order, before the next connection's events.
local backoff = require "corosync.backoff"
local core = require "corosync.binding"
local handlers = require "corosync.handlers"

local now = core.now

local life = {}

local EXPECTED = { not_connected = true, try_again = true }
local OWN = { "connected", "disconnected" } -- handlers that are not the handle's

local function unwrap(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

-- A function of the script, called as the host calls its functions, if it has a way of its own.
function life.guarded(handler)
  return handlers.guard and function(...) return unwrap(handlers.guard(handler, ...)) end or handler
end

-- The handlers that are the handle's own, looked up in the given table so that they can be replaced.
local function handle_handlers(given)
  local own = {}
  for name, value in pairs(given) do
    if name ~= OWN[1] and name ~= OWN[2] then
      own[name] = type(value) == "function" and life.guarded(function(...)
        if given[name] then
          return given[name](...)
        end
      end) or value
    end
  end
  return own
end

-- A handler that is given makes the handle track from the start: not what the script has ended.
local function open_handle(self)
  local own, later = handle_handlers(self._handlers), {}
  for name, value in pairs(own) do
    if self._tracks == false and type(value) == "function" then
      later[name], own[name] = value, nil
    end
  end
  local handle, message, code = self._open(own)
  for name, value in pairs(later) do
    own[name] = value
  end
  return handle, message, code
end

-- Those of lost connections that have not told all are kept, to be cancelled as well.
local function add_tracker(self, tracker, new)
  local first = self._before[1]
  if not first or not first.handle then
    tracker._trackers = {}
  end
  table.insert(tracker._trackers, new)
end

-- Everything that was told to the last handle, told to this one.
local function restore(self, handle)
  for tracker in pairs(self._trackers) do
    local new, message, code = handle:track(tracker._key, tracker._handler)
    if not new then
      return nil, message, code
    end
    add_tracker(self, tracker, new)
  end
  if self._tracks then
    return handle:track()
  end
  return true
end

function life.connect(self)
  local handle, message, code = open_handle(self)
  if not handle then
    return nil, message, code
  end
  local ok
  ok, message, code = restore(self, handle)
  if ok then
    ok, message, code = self._pollset:follow(handle:fd())
  end
  if not ok then
    handle:close()
    return nil, message, code
  end
  self._handle, self._last, self._tries = handle, handle, 0
  return true
end

-- Readable when the next try has its time, or as soon as there is something to tell.
function life.arm(self)
  if self._before[1] then
    self._pollset:arm(0)
  elseif self._handle then
    self._pollset:arm()
  else
    self._pollset:arm(math.max(0, self._retry_at - now()))
  end
end

local function schedule_retry(self)
  self._retry_at = now() + backoff.seconds(self._tries, self._seed)
  self._tries = self._tries + 1
end

local function report(self, message)
  local handler = self._handlers.error
  local ok, second = true, nil
  if handler then
    ok, second = handlers.try(handler, message)
  end
  if not handler or not ok then
    core.complain("corosync: " .. (second and second .. ", after: " or "") .. message)
  end
end

local function protected(self, handler, message)
  local ok, problem = handlers.try(handler, message)
  if not ok then
    report(self, problem)
  end
end

-- Tells what comes before the next connection's events: by `dispatch`, not within the call that has met a loss.
function life.tell_words(self)
  while self._before[1] and self._before[1].name and not self._closed and not self._stopped do
    local word = table.remove(self._before, 1)
    if self._handlers[word.name] then
      protected(self, self._handlers[word.name], word.message)
    end
  end
end

-- The connection is of no more use, but what it has queued is still told, and then that it is lost.
function life.lose(self, message)
  self._pollset:follow()
  table.insert(self._before, { handle = self._handle })
  table.insert(self._before, { name = "disconnected", message = message })
  self._handle = nil
  schedule_retry(self)
end

function life.come_back(self)
  local ok, message, code = life.connect(self)
  if ok then
    table.insert(self._before, { name = "connected" })
  end
  return ok, message, code
end

-- A try that raises, when memory is refused or by a finalizer, must not be the last. What keeps it away is told once,
-- if that is not Corosync's absence.
function life.come_back_in_time(self)
  if now() < self._retry_at then
    return
  end
  local ok, back, message, code = pcall(life.come_back, self)
  if ok and back then
    self._told = nil
    return
  end
  schedule_retry(self)
  local problem = not ok and back or not EXPECTED[code] and message
  local cause = ok and code or problem
  if problem and cause ~= self._told then
    self._told = cause
    report(self, problem)
  end
end

-- The connection whose events have their turn: a lost one's, until all are told.
function life.oldest(self)
  local first = self._before[1]
  return first and first.handle or self._handle
end

-- A connection has said that it is lost, and has told all.
function life.finish(self, handle, message)
  if handle == self._handle then
    life.lose(self, message)
  end
  handle:close()
  table.remove(self._before, 1)
  life.tell_words(self)
end

return life
