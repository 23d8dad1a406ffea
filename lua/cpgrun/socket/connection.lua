-- A connection to the control socket, with one request: a line of JSON. The reply is lines of JSON. The connection is
-- closed if the client is slow or silent, or sends anything else.
local json = require "cpgrun.json"
local own = require "corosync.own_handles"
local uv = require "luv"

local connection = {}

local MOST_BYTES = 262144 -- of a request
local PATIENCE = 5000 -- milliseconds for the request, and for each part of the reply that the client must read

local Connection = {}
Connection.__index = Connection

function Connection:close()
  if not self.is_closed then
    self.is_closed = true
    self.timer:close()
    self.pipe:close()
    self.closed()
  end
end

local function restart(self)
  self.timer:start(PATIENCE, 0, function() self:close() end)
end

local function written(self, problem)
  self.unread = self.unread - 1
  if problem then
    self:close()
  elseif not self.is_closed and self.unread > 0 then
    restart(self)
  elseif not self.is_closed then
    self.timer:stop()
  end
end

-- What the client does not read is kept, so a reply must be bounded.
function Connection:write(message, finished)
  if self.is_closed then
    return
  end
  self.unread = self.unread + 1
  restart(self)
  self.pipe:write(json.encode(message) .. "\n", function(problem)
    written(self, problem)
    if finished then
      finished()
    end
  end)
end

-- The last line of a reply.
function Connection:finish(message)
  self:write(message, function() self:close() end)
end

local function decode(line)
  local ok, request, problem = pcall(json.decode, line)
  if not ok or type(request) ~= "table" then
    return nil, "the request is not a JSON object: " .. tostring(not ok and request or problem or type(request))
  end
  return request
end

local function take(self, line)
  self.pipe:read_stop()
  self.timer:stop()
  local request, problem = decode(line)
  if not request then
    return self:finish { ok = false, error = problem }
  end
  -- Detects that the client disconnects. It must send nothing more.
  self.pipe:read_start(function() self:close() end)
  local ok
  ok, problem = pcall(self.handle, self, request)
  if not ok then
    self:finish { ok = false, error = tostring(problem) }
  end
end

local function receive(self, problem, data)
  if problem or not data then
    return self:close()
  end
  self.parts[#self.parts + 1], self.size = data, self.size + #data
  if self.size > MOST_BYTES then
    self:close()
  elseif data:find("\n", 1, true) then
    local line, rest = table.concat(self.parts):match "^([^\n]*)\n(.*)$"
    self.parts = nil
    if rest ~= "" then
      return self:close()
    end
    take(self, line)
  end
end

-- `pipe`: an accepted connection. `handle(connection, request)` replies with `write` and `finish`, now or later.
-- `closed()` is called at the end.
function connection.new(pipe, handle, closed)
  local self = setmetatable({ pipe = pipe, handle = handle, closed = closed, timer = own(uv.new_timer()), parts = {},
    size = 0, unread = 0 }, Connection)
  self.timer:unref()
  restart(self)
  pipe:read_start(function(...) receive(self, ...) end)
  return self
end

return connection
