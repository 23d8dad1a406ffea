-- Connections to an HTTP server on this machine, on luv's loop.
local uv = require "luv"
local wait = require "corosync.lab.wait"

local client = {}

local Connection = {}
Connection.__index = Connection

-- Connects to a port of 127.0.0.1. `is_over` is set when the server has closed the connection.
function client.connect(port)
  local self = setmetatable({ socket = uv.new_tcp(), pieces = {} }, Connection)
  local connected
  self.socket:connect("127.0.0.1", port, function(problem) connected = problem or true end)
  assert(wait.until_true(function() return connected end, 60))
  assert(connected == true, connected)
  self:listen()
  return self
end

function Connection:listen()
  self.socket:read_start(function(problem, data)
    self.pieces[#self.pieces + 1] = data
    self.is_over = self.is_over or problem ~= nil or data == nil
  end)
end

function Connection:write(text)
  local written
  self.socket:write(text, function(problem) written = problem or true end)
  assert(wait.until_true(function() return written end, 60))
  return written == true
end

-- Waits for the end. Returns the status, the body and the head; nil if there was no response.
function Connection:finish(seconds)
  assert(wait.until_true(function() return self.is_over end, seconds or 60), "the server has not closed the connection")
  self:close()
  local head, body = table.concat(self.pieces):match "^(.-\r\n)\r\n(.*)$"
  return head and tonumber(head:match "^HTTP/1%.1 (%d%d%d) "), body, head
end

function Connection:close()
  if not self.socket:is_closing() then
    self.socket:close()
  end
end

-- Sends a request as it is. Returns as `finish`.
function client.request(port, text)
  local connection = client.connect(port)
  connection:write(text)
  return connection:finish()
end

function client.get(port, path)
  return client.request(port, ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path))
end

return client
