-- A small HTTP server: GET and HEAD, one request per connection. Size and time of requests are limited. So is the
-- number of connections: when there are too many, the oldest one is closed.
local listener = require "cpgrun.listener"
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local request = require "cpgrun.http.request"
local uv = require "luv"

local http = {}

local MOST_CONNECTIONS = 32
local MOST_DISCARDED = 65536 -- bytes that a client may send after its request
local TIMES = { request = 5000, response = 10000 } -- milliseconds

local REASONS = {
  [200] = "OK", [400] = "Bad Request", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
  [408] = "Request Timeout", [413] = "Content Too Large", [431] = "Request Header Fields Too Large",
  [500] = "Internal Server Error", [505] = "HTTP Version Not Supported",
}

local Connection = {}
Connection.__index = Connection

function Connection:close()
  if self.is_closed then
    return
  end
  self.is_closed = true
  self.timer:close()
  self.client:close()
  for i, each in ipairs(self.all) do
    if each == self then
      return table.remove(self.all, i)
    end
  end
end

local function head(status, body, headers)
  local lines = { ("HTTP/1.1 %d %s"):format(status, REASONS[status]), "Content-Length: " .. #body, "Connection: close",
    "Cache-Control: no-store" }
  for name, value in pairs(headers) do
    lines[#lines + 1] = name .. ": " .. value
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- After the response, data is read until the client closes the connection. Closing it with unread data would reset it,
-- and the client might not get the response.
function Connection:respond(status, body, headers, is_head)
  self.has_responded, self.discarded = true, 0
  body = body or ("%d %s\n"):format(status, REASONS[status])
  headers = headers or { ["Content-Type"] = "text/plain; charset=utf-8" }
  if status == 405 then
    headers.Allow = "GET, HEAD"
  end
  self.timer:start(self.times.response, 0, function() self:close() end)
  local text = head(status, body, headers)
  self.client:write(is_head and text or text .. body, function(problem)
    if problem then
      self:close()
    end
  end)
  self.client:shutdown()
end

local function handle(self, parsed)
  local ok, status, body, headers = pcall(self.handler, parsed)
  if not ok then
    log.raised(status)
    return self:respond(500)
  end
  return self:respond(status, body, headers, parsed.method == "HEAD")
end

function Connection:discard(data)
  self.discarded = self.discarded + #data
  if self.discarded > MOST_DISCARDED then
    self:close()
  end
end

function Connection:received(data)
  if self.has_responded then
    return self:discard(data)
  end
  self.size = self.size + #data
  self.text = (self.text .. data):gsub("^[\r\n]+", "") -- a client may begin with empty lines
  local parsed, status = request.parse(self.text, #data)
  status = status or not parsed and self.size > request.LONGEST and 431 or nil
  if parsed then
    handle(self, parsed)
  elseif status then
    self:respond(status)
  end
end

local function accept(all, client, handler, times)
  local self = setmetatable({ all = all, client = client, handler = handler, times = times, text = "", size = 0,
    timer = own(uv.new_timer()) }, Connection)
  if #all >= MOST_CONNECTIONS then
    all[1]:close()
  end
  all[#all + 1] = self
  self.timer:start(times.request, 0, function() self:respond(408) end)
  self.timer:unref()
  client:read_start(function(problem, data)
    if problem or not data then
      self:close()
    else
      self:received(data)
    end
  end)
end

--- Starts a server.
-- @tparam table where from `listener.parse`
-- @tparam fun(request:table):integer,string,table handler returns the status, the body (default: the status's name) and
-- a table of headers; `request` has `method`, `path` and `headers` with names in lower case
-- @tparam[opt] table times `request`, `response`: milliseconds until a request must be complete, and a response be read
-- @treturn table with `url`, and `close()`
-- @error nil, message
function http.serve(where, handler, times)
  local all = {}
  local server, message = listener.open(where, function(client) accept(all, client, handler, times or TIMES) end)
  if not server then
    return nil, message
  end
  local close = server.close
  function server.close()
    close()
    while all[1] do
      all[1]:close()
    end
  end
  return server
end

return http
