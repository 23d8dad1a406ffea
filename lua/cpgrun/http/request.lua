-- Parses the head of an HTTP request.
local request = { LONGEST = 8192 } -- bytes of the head

local TOKEN = "[%w!#$%%&'*+.^_`|~-]+"
local REQUEST_LINE = "^(" .. TOKEN .. ") ([\33-\126]+) HTTP/(%d)%.(%d)$"
local HEADER = "^(" .. TOKEN .. "):[ \t]*([^%c]-)[ \t]*$"
local READABLE = { GET = true, HEAD = true }
local UNIQUE = { ["content-length"] = true, host = true }

-- Returns a table by lower-case name, or nil if a line is invalid or a unique name is repeated.
local function headers_of(lines)
  local headers = {}
  for line in lines do
    local name, value = line:gsub("\r$", ""):gsub("\t", " "):match(HEADER)
    name = name and name:lower()
    if not name or UNIQUE[name] and headers[name] then
      return nil
    end
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers
end

local function path_of(target)
  return (target:gsub("^http://[^/?]*", ""):gsub("[?#].*$", ""))
end

-- The status of an unacceptable request, or nil. The body of a request is not read.
local function problem(method, major, minor, headers)
  if not method or major == "1" and not headers then
    return 400
  elseif major ~= "1" then
    return 505
  elseif minor ~= "0" and not headers.host then
    return 400
  elseif not READABLE[method] then
    return 405
  elseif headers["transfer-encoding"] or (headers["content-length"] or "0") ~= "0" then
    return 413
  end
end

local function parse(head)
  local lines = head:gmatch "[^\n]+"
  local method, target, major, minor = lines():gsub("\r$", ""):match(REQUEST_LINE)
  local headers = headers_of(lines)
  local status = problem(method, major, minor, headers)
  if status then
    return nil, status
  end
  return { method = method, path = path_of(target), headers = headers }
end

-- Returns the request; nil if the head is not complete; or nil and a status. `text`: all data so far, without empty
-- lines at its beginning; `new`: the number of bytes that were added since the last call.
function request.parse(text, new)
  local stop = text:find("\n\r?\n", math.max(1, #text - new - 1))
  if (stop or #text) > request.LONGEST then
    return nil, 431
  elseif not stop then
    return nil
  end
  return parse(text:sub(1, stop))
end

return request
