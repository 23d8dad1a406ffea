-- Sends HTTP requests to this node's port 8080, one after another, until standard input ends. Prints a line for each:
-- method, key, value, nanoseconds at begin and end, status, "hit" or "miss".
-- Usage: http.lua get KEYS | put KEY
local uv = require "luv"

local mode, argument = arg[1], tonumber(arg[2])
local pauses = { get = 5, put = 100 } -- milliseconds between requests
local number = 0
local pause = uv.new_timer()

local function next_request()
  number = number + 1
  if mode == "get" then
    return "GET", number % argument, ""
  end
  return "PUT", argument, tostring(number)
end

local function report(method, key, body, from, response)
  local status = response:match "^HTTP/1.1 (%d+)" or "0"
  local value = method == "PUT" and body or response:match "\r\n\r\n(%d+)$" or "?"
  io.write(("%s %d %s %.0f %.0f %s %s\n"):format(method, key, value, from, uv.hrtime(), status,
    response:match "X%-Cache: (%a+)" or "-"))
  io.flush()
  return status == "200"
end

local function request()
  local method, key, body = next_request()
  local from, parts, socket = uv.hrtime(), {}, uv.new_tcp()
  local function finish()
    socket:close()
    local ok = report(method, key, body, from, table.concat(parts))
    pause:start(ok and pauses[mode] or 200, 0, request) -- the origin may still make a change that has failed
  end
  socket:connect("127.0.0.1", 8080, function(problem)
    if problem then
      return finish()
    end
    socket:write(("%s /key%d HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"):format(method, key, #body, body))
    socket:read_start(function(_, data)
      parts[#parts + 1] = data
      if not data then
        finish()
      end
    end)
  end)
end

local input = uv.new_pipe(false)
input:open(0)
input:read_start(function(_, data)
  if not data then
    os.exit(0)
  end
end)
request()
uv.run()
