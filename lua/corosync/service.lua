--- Connections to the configuration map, to quorum, votequorum and cfg that come back: when Corosync goes and is there
-- again, they are opened anew, and track what they tracked.
--
--    local service = require "corosync.service"
--    local map = assert(service.cmap("icmap", { connected = function() print "values may have changed" end }))
--    map:track("shop.", function(event, key, new) print(event, key, new) end)
--    corosync.loop.add(map)
--
-- A service has the methods of the handle that it stands for, see @{corosync.cmap}, @{corosync.quorum},
-- @{corosync.votequorum} and @{corosync.cfg}. While Corosync is away they answer nil, message, "not_connected" at once;
-- as soon as it is back they work, also before the loop has noticed either.
-- Opening one needs a Corosync that runs. It is in a loop, or somebody calls `dispatch` when `fd` is readable.
-- @module corosync.service

--- The handlers that every service may have.
-- @table handlers
-- @tfield fun(reason:string)|nil disconnected called when Corosync has gone
-- @tfield fun()|nil connected called when it is connected again

local blaming = require "corosync.blame"
local caller = require "corosync.caller"
local core = require "corosync.binding"
local life = require "corosync.service.life"

local now = core.now
local unpack = table.unpack or unpack -- luacheck: ignore 113
local pack = table.pack or function(...) return { n = select("#", ...), ... } end

--- @type Service
local Service = {}

local function refuse(self, what, why, code)
  return nil, ("cannot %s %s: %s"):format(what, self._name, why), code
end

local FATAL = { not_connected = true, no_memory = true }

--- Calls the handlers of the events that wait, and reconnects when it is time to. Loops call it.
-- @tparam[opt=1000] integer budget the most events to handle
-- @treturn integer how many were handled
-- @treturn boolean whether more wait
-- @error nil, message, code: "closed", "dispatching", "wrong_process", "no_stack"
function Service:dispatch(budget)
  if self._closed then
    return refuse(self, "dispatch", "it is closed", "closed")
  end
  self._stopped = false
  life.tell_words(self)
  if self._stopped and not self._closed then
    life.arm(self)
    return 0, true
  end
  local handle, handled, more, code = life.oldest(self), 0, false, nil
  if handle then
    handled, more, code = handle:dispatch(budget)
  elseif not self._closed then
    life.come_back_in_time(self)
  end
  if FATAL[code] then
    life.finish(self, handle, more)
    handled, more, code = 0, self._handle ~= nil, nil
  end
  if not self._closed then
    life.arm(self)
  end
  return handled, more, code
end

local function received(self, handle, event, ...)
  local message, code = ...
  if event == nil and FATAL[code] then
    life.finish(self, handle, message)
  end
  if not self._closed then
    life.arm(self)
  end
  if event ~= nil or not FATAL[code] then
    return event, ...
  end
end

--- Takes the oldest event that waits, as the handle's `receive` does, and reconnects when it is time to. That a
-- connection is lost, or there again, its handlers are told. Instead of `dispatch`.
-- @treturn[1] string the event's name
-- @treturn[1] any ... the values that the event's handler would be called with
-- @treturn[2] nil nothing when no event waits
-- @error nil, message, code, as for dispatch
function Service:receive()
  if self._closed then
    return refuse(self, "receive from", "it is closed", "closed")
  end
  self._stopped = false
  life.tell_words(self)
  local handle = life.oldest(self)
  if handle then
    return received(self, handle, handle:receive())
  elseif not self._closed then
    life.come_back_in_time(self)
    life.arm(self)
  end
end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Service:stop()
  self._stopped = true
  local handle = life.oldest(self)
  if handle then
    handle:stop()
  end
end

--- The descriptor to wait for: the same as long as the service is open.
-- @treturn integer
-- @error nil, message, "closed"
function Service:fd()
  if self._closed then
    return refuse(self, "wait for", "it is closed", "closed")
  end
  return self._pollset:fd()
end

--- Waits until dispatch may have something to do.
-- @tparam[opt] number seconds the longest to wait; without it, for ever
-- @treturn boolean whether it may
-- @error nil, message, "closed"
function Service:wait(seconds)
  if self._closed then
    return refuse(self, "wait for", "it is closed", "closed")
  end
  return self:timeout() == 0 or self._pollset:wait(seconds or math.huge)
end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues), as of @{corosync.handle}.
-- @treturn integer the descriptor; -1, which cqueues ignores, when it is closed
function Service:pollfd()
  return self:fd() or -1
end

--- What to wait for on the descriptor, for cqueues.
-- @treturn string "r": until it is readable
function Service:events() -- luacheck: ignore 212
  return "r"
end

--- How long to wait for the descriptor, for cqueues.
-- @treturn integer|nil 0 seconds when there is something to do that the descriptor does not show; else nil, for ever
function Service:timeout()
  if self._closed or self._before[1] or self._handle and self._handle:timeout() == 0 then
    return 0
  end
end

--- Whether there is a connection now.
-- @treturn boolean
function Service:is_connected()
  return self._handle ~= nil
end

--- Ends it for good, and takes it out of its loop.
-- @treturn boolean true
function Service:close()
  if not self._closed then
    self._closed = true
    if self._loop then
      self._loop.remove(self)
    end
    self._pollset:close()
    for _, each in ipairs(self._before) do
      if each.handle then
        each.handle:close()
      end
    end
    self._before = {}
    if self._handle then
      self._handle:close()
      self._handle = nil
    end
  end
  return true
end

--- A tracker of a service's; it stays when the connection comes back.
-- @type Tracker
local Tracker = {}
Tracker.__index = Tracker

--- Ends it, also while Corosync is away.
-- @treturn boolean true
-- @error nil, message, code, as the map's tracker
function Tracker:cancel()
  for _, each in ipairs(self._trackers) do
    local ok, message, code = each:cancel()
    if not ok then
      return nil, message, code
    end
  end
  self._service._trackers[self] = nil
  return true
end

local function ask_anew(self, name, ...)
  local ok, message, code = life.come_back(self)
  life.arm(self)
  if not ok then
    return nil, message, code
  end
  return blaming(name, -1, self._handle[name], self._handle, ...)
end

-- Calls the handle's method; where the connection is lost, that of the next one, if Corosync is there.
local function ask(self, name, ...)
  if self._closed then
    return refuse(self, "ask", "it is closed", "closed")
  elseif not self._handle then
    return ask_anew(self, name, ...)
  end
  local answers = pack(blaming(name, -1, self._handle[name], self._handle, ...))
  if answers[1] == nil and answers[3] == "not_connected" then
    life.lose(self, answers[2])
    return ask_anew(self, name, ...)
  end
  return unpack(answers, 1, answers.n)
end

local function track_key(self, key, handler)
  if type(handler) == "function" then
    handler = life.guarded(handler)
  end
  local tracker, message, code = ask(self, "track", key, handler)
  if not tracker then
    return nil, message, code
  end
  local lasting = setmetatable({ _service = self, _key = key, _handler = handler, _trackers = { tracker } }, Tracker)
  self._trackers[lasting] = true
  return lasting
end

--- @type Service

--- Tracks: of the map a key, as its handle's method does, and answers a tracker; of the others what they tell.
-- @param ... as for the handle
-- @treturn Tracker|boolean
-- @error nil, message, code, as the handle's
function Service:track(...)
  if self._name == "cmap" then
    return track_key(self, ...)
  end
  local ok, message, code = ask(self, "track")
  if ok then
    self._tracks = true
  end
  return ok, message, code
end

--- Ends what `track` began.
-- @treturn boolean true
-- @error nil, message, code
function Service:untrack()
  self._tracks = false
  return ask(self, "untrack")
end

-- Every other method is the handle's.
local function forwarded(name)
  return function(self, ...)
    if type(self) ~= "table" then
      caller.raise("%s is a method: call it with a colon, as cmap:%s(...)", name, name)
    end
    return ask(self, name, ...)
  end
end

local METATABLE = {
  __index = function(self, name)
    local last = rawget(self, "_last")
    if Service[name] then
      return Service[name]
    elseif last and last[name] then
      return forwarded(name)
    end
  end,
  __tostring = function(self)
    return ("corosync.service %s (%s)"):format(self._name, self._handle and "open" or self._closed and "closed"
      or "not connected")
  end,
}

local function open(name, given, opener)
  local gather, message, code = core.pollset()
  if not gather then
    return nil, message, code
  end
  local self = setmetatable({
    _name = name,
    _handlers = given,
    _pollset = gather,
    _open = opener,
    _trackers = {},
    _loop = false, -- of corosync.loop: where it was added
    _stopped = false,
    _tracks = nil, -- whether the script has asked for it, or ended it
    _tries = 0,
    -- What is told before the present connection's events, in order: handles that are lost and have not told all, and
    -- the names of handlers, for that one is lost, or there again.
    _before = {},
    _seed = now() * 1e6 % 1e6,
  }, METATABLE)
  local ok
  ok, message, code = blaming(name, 0, life.connect, self)
  if not ok then
    gather:close()
    return nil, message, code
  end
  return self
end

local function check_handlers(index, given, name)
  if given ~= nil and type(given) ~= "table" then
    caller.raise("bad argument #%d 'handlers' to '%s' (table expected, got %s)", index, name, type(given))
  end
  return given or {}
end

local service = {}

--- The functions of the module.
-- @section functions

--- The configuration map.
-- @tparam[opt="icmap"] string map as for `cmap.open`
-- @tparam[opt] corosync.cmap.open.handlers|handlers given those of `cmap.open` as well. When it is connected again
-- values may
-- have changed, and the trackers tell only of what changes from then on
-- @treturn Service|corosync.cmap.map
-- @error nil, message, code, as `cmap.open`
function service.cmap(map, given)
  given = check_handlers(2, given, "cmap")
  return open("cmap", given, function(own) return core.cmap.open(map or "icmap", own) end)
end

--- Quorum, whose handlers are told the present state when the connection comes back.
-- @function service.quorum
-- @tparam[opt] corosync.quorum.open.handlers|handlers handlers those of `quorum.open` as well
-- @treturn Service|corosync.quorum.handle
-- @error nil, message, code, as `quorum.open`

--- Votequorum, likewise.
-- @function service.votequorum
-- @tparam[opt] corosync.votequorum.open.handlers|handlers handlers those of `votequorum.open` as well
-- @treturn Service|corosync.votequorum.handle
-- @error nil, message, code, as `votequorum.open`

--- Cfg, likewise.
-- @function service.cfg
-- @tparam[opt] corosync.cfg.open.handlers|handlers handlers those of `cfg.open` as well
-- @treturn Service|corosync.cfg.handle
-- @error nil, message, code, as `cfg.open`
for _, name in ipairs { "quorum", "votequorum", "cfg" } do
  service[name] = function(given)
    given = check_handlers(1, given, name)
    return open(name, given, core[name].open)
  end
end

return service
