-- Addresses to listen on, as in an option: ADDRESS:PORT, [ADDRESS]:PORT for IPv6, PORT for the loopback, or unix:PATH.
local absolute = require("corosync.binding").absolute_path
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local uv = require "luv"

local listener = {}

local BACKLOG = 64
local RETRY = 1000 -- milliseconds
local LONGEST_PATH = 107 -- bytes, Linux' limit

local function split(text)
  local address, port = text:match "^%[([%x:.]+)%]:(%d+)$"
  if not address then
    address, port = text:match "^([%w.]+):(%d+)$"
  end
  port = port or text:match "^%d+$"
  address = (not address or address == "localhost") and "127.0.0.1" or address
  local found = uv.getaddrinfo(address, nil, { numerichost = true, socktype = "stream" }) -- no name lookup
  return found and found[1] and found[1].addr, tonumber(port)
end

-- Returns the address as a table, or nil and a message.
function listener.parse(text)
  local path = text:match "^unix:(.+)$"
  if path and #path <= LONGEST_PATH then
    return { path = path, text = text }
  elseif path then
    return nil, ("the path of a socket has at most %d bytes, but this one has %d"):format(LONGEST_PATH, #path)
  end
  local address, port = split(text)
  if not address or not port or port > 65535 then
    return nil, ("'%s' is not an address to listen on, such as 9190 (on the loopback), 127.0.0.1:9190, [::1]:9190 or "
      .. "unix:/run/name.sock"):format(text)
  end
  return { address = address, port = port, text = text }
end

-- An error of luv, such as "EADDRINUSE: address already in use", without its name.
local function reason(problem)
  return (tostring(problem):gsub("^%u+: ", ""):gsub("^bind: ", ""))
end

--- Removes a socket on which no process listens: a killed process leaves its socket behind.
-- @tparam string path
-- @tparam fun() done called then, or when there is none; not before the next turn of the loop
function listener.remove_stale(path, done)
  local probe = own(uv.new_pipe(false))
  probe:connect(path, function(problem)
    local status = problem and problem:find "^ECONNREFUSED" and uv.fs_lstat(path)
    if status and status.type == "socket" then
      uv.fs_unlink(path)
    end
    if not probe:is_closing() then -- the program may end meanwhile
      probe:close()
    end
    done()
  end)
  probe:unref()
end

local function bind_path(path)
  local folder = path:match "^(.*)/[^/]*$"
  if folder and folder ~= "" and not uv.fs_stat(folder) then
    return nil, "there is no folder " .. folder -- luv would report "permission denied"
  end
  local socket = own(uv.new_pipe(false))
  local ok, problem = socket:bind(path)
  return ok and socket, problem
end

local function bind_port(where)
  local socket = own(uv.new_tcp())
  local ok, problem = socket:bind(where.address, where.port)
  return ok and socket, problem
end

-- Returns the beginning of a URL, with the real port in place of 0.
local function url_of(socket, where)
  if where.path then
    return where.text .. ":"
  end
  local name = socket:getsockname()
  return (name.family == "inet6" and "http://[%s]:%d" or "http://%s:%d"):format(name.ip, name.port)
end

local function accept(self)
  local client = own(self.where.path and uv.new_pipe(false) or uv.new_tcp())
  if self.socket:accept(client) then
    client:unref()
    self.connected(client)
  else
    client:close()
  end
end

local pause, retry

local function listen(self)
  local where = self.where
  local socket, problem = (where.path and bind_path or bind_port)(where.path or where)
  if not socket then
    return nil, problem
  end
  local ok
  ok, problem = socket:listen(BACKLOG, function(failed)
    if failed then
      pause(self, failed)
    else
      accept(self)
    end
  end)
  if ok and where.opened then
    ok, problem = where.opened()
  end
  if not ok then
    socket:close()
    return nil, problem
  end
  socket:unref()
  self.socket = socket
  return true
end

-- Without free descriptors libuv 1.44 tries to accept for ever, and never returns to its loop, unless the socket is
-- closed.
function pause(self, problem)
  self.socket:close()
  self.socket = nil
  log.warning("cannot accept connections on %s: %s; trying again", self.where.text,
    problem == "EMFILE" and "this process has too many files open" or problem)
  self.timer = self.timer or own(uv.new_timer())
  retry(self)
end

local function listen_again(self)
  if not self.timer:is_closing() and not listen(self) then
    retry(self)
  end
end

-- In a callback, where luv's loop cannot be run.
function retry(self)
  self.timer:start(RETRY, 0, function()
    if self.where.path then
      listener.remove_stale(self.where.path, function() listen_again(self) end)
    else
      listen_again(self)
    end
  end)
  self.timer:unref()
end

-- Runs the loop only if there is a socket: events that come before the script is loaded would be lost.
local function remove_stale_at_once(path)
  local status, is_over = uv.fs_lstat(path), false
  if not status or status.type ~= "socket" then
    return
  end
  listener.remove_stale(path, function() is_over = true end)
  while not is_over do
    uv.run "once"
  end
end

--- Opens a listening socket. It does not keep the loop running. Not to be called in a callback of luv.
-- @tparam table where from `listener.parse`. Its field `opened` may be a function, which is called each time after the
-- socket was opened: it returns true, or nil and a message
-- @tparam fun(client:userdata) connected called with the stream of each connection
-- @treturn table with `url`, and `close()`
-- @error nil, message
function listener.open(where, connected)
  local self = { where = where, connected = connected }
  if where.path then
    remove_stale_at_once(where.path)
  end
  local ok, problem = listen(self)
  if not ok then
    return nil, ("cannot listen on %s: %s"):format(where.text, reason(problem))
  end
  local path, url = where.path and absolute(where.path), url_of(self.socket, where)
  where.port = not path and self.socket:getsockname().port or nil
  return {
    url = url,
    close = function()
      if self.timer then
        self.timer:close()
      end
      if self.socket then
        self.socket:close()
        if path then -- without the socket, another process may have taken it
          uv.fs_unlink(path)
        end
      end
    end,
  }
end

return listener
