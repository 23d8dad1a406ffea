-- Lets a light thread of nginx wait for a descriptor: one helper thread per worker polls the descriptors of all groups,
-- and wakes each light thread over a socket of its own.
local core = require "corosync.binding"

local CONNECT = 5000 -- milliseconds
local FOREVER = 2 ^ 31 - 1 -- milliseconds
local MANY = 4096 -- bytes: all that were written since the last wait

local waker -- this worker's helper thread

local Socket = {}
Socket.__index = Socket

local function start_waker()
  local message
  if not waker and core.waker then
    waker, message = core.waker()
  end
  return waker, message or "it was built without threads"
end

-- Waits until the descriptor is readable, or the socket is woken or shut, or the period is over. Returns true, or nil,
-- message.
function Socket:wait()
  local ok, message = self._watch:arm()
  if ok then
    ok, message = self._socket:receiveany(MANY)
  end
  if ok or self._closed then
    return true
  end
  return nil, message
end

-- From any light thread: lets the waiting one go on.
function Socket:wake()
  self._watch:ring()
end

-- From any light thread, and before the descriptor is closed: the waiting one goes on. The socket cannot be used
-- afterwards.
function Socket:shut()
  self._closed = true
  self._watch:close()
end

function Socket:is_closed()
  return self._closed
end

-- From the light thread that has opened it.
function Socket:close()
  self:shut()
  self._socket:close()
end

-- For the calling light thread alone: a cosocket belongs to the timer in which it is opened. `period`: seconds after
-- which a wait ends in any case; nginx would log it if the cosocket's own time limit passed. The socket, or nil,
-- message.
local function open(fd, directory, period)
  local thread, message = start_waker()
  if not thread then
    return nil, message
  end
  local watch
  watch, message = thread:watch(fd, directory, period)
  if not watch then
    return nil, message
  end
  local socket = ngx.socket.tcp()
  socket:settimeouts(CONNECT, CONNECT, FOREVER)
  local ok
  ok, message = socket:connect("unix:" .. watch:path())
  if not ok then
    watch:close()
    return nil, message
  end
  return setmetatable({ _watch = watch, _socket = socket, _closed = false }, Socket)
end

return { open = open }
