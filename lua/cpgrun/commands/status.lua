-- `cpgrun status`: shows the running scripts of this user.
local bytes_as_text = require "cpgrun.bytes_as_text"
local client = require "cpgrun.socket.client"
local json = require "cpgrun.json"
local log = require "cpgrun.log"
local report = require "cpgrun.commands.status_report"

local OK, NOT_ALL = 0, 1

-- Returns a copy in which all strings are UTF-8, because names may have any bytes.
local function as_text(value)
  if type(value) == "string" then
    return bytes_as_text(value)
  elseif type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in pairs(value) do
    copy[as_text(key)] = as_text(item)
  end
  return copy
end

-- The host may have another version, and for root another user.
local function ask(host, options, native)
  local reply, message, code = client.ask(host, native, { command = "status" }, options.timeout)
  if reply and reply.ok and report.can_show(reply.status) then
    return as_text(reply.status)
  elseif code == "stale" then
    return nil
  end
  message = message or reply.ok and "it sent a status that cannot be shown: it may run with another version of cpgrun"
    or tostring(reply.error)
  return as_text { name = host.name, pid = host.pid, ready = false, error = message, silent = code == "timeout" or nil }
end

local function print_all(found, options)
  for _, each in ipairs(options.json and found or {}) do
    print(json.encode(each))
  end
  if not options.json then
    io.stdout:write(options.host and report.details(found) or report.list(found))
  end
end

return function(options, native)
  if options.web then
    return require "cpgrun.web"(options, native, ask)
  end
  local hosts, all = client.find(options.host, options.socket, native, options.timeout)
  local found, status = {}, OK
  for _, host in ipairs(hosts) do
    local each = ask(host, options, native)
    found[#found + 1] = each
    status = each and not each.ready and NOT_ALL or status
  end
  if #found == 0 then
    log.error(client.why_none(options.host, all))
    return NOT_ALL
  end
  print_all(found, options)
  return status
end
