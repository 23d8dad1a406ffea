-- `cpgrun status --web ADDRESS`: a page that shows the running scripts of this node. The page requests the status every
-- second. The hosts are asked only while a browser shows the page.
local client = require "cpgrun.socket.client"
local guard = require "cpgrun.web.guard"
local http = require "cpgrun.http"
local json = require "cpgrun.json"
local log = require "cpgrun.log"
local page = require "cpgrun.web.page"
local signals = require "cpgrun.signals"
local uv = require "luv"

local PERIOD = 1000 -- milliseconds
local IDLE = 10000 -- milliseconds without a request after which hosts are no longer asked
local FAILED = 1

-- Marked as an array, because dkjson would write an empty table as an object.
local function poll(self)
  local found = setmetatable({}, { __jsontype = "array" })
  for _, host in ipairs(client.find(self.options.host, self.options.socket, self.native, self.options.timeout)) do
    found[#found + 1] = self.ask(host, self.options, self.native)
  end
  self.text = json.encode { node = uv.os_gethostname(), time = os.time(), hosts = found }
end

local function respond(self, request)
  if not self.is_allowed(request.headers.host) then
    return 403, "403 Forbidden: open this page by its IP address or as localhost, not by another name\n",
      { ["Content-Type"] = "text/plain; charset=utf-8" }
  elseif request.path == "/" then
    return 200, page.make()
  elseif request.path == "/status.json" then
    self.asked = uv.now()
    return 200, self.text, { ["Content-Type"] = "application/json; charset=utf-8",
      ["X-Content-Type-Options"] = "nosniff" }
  end
  return 404
end

local function is_watched(self)
  return self.asked ~= nil and uv.now() - self.asked < IDLE
end

local function rest(self)
  local is_due = false
  self.timer:start(PERIOD, 0, function() is_due = true end)
  while not is_due and not self.is_over do
    uv.run "once"
  end
end

-- Hosts are asked here, not in a callback of the loop, because the client runs the loop.
local function run(self)
  while not self.is_over do
    if is_watched(self) then
      poll(self)
      rest(self)
    else
      uv.run "once"
    end
  end
end

-- `ask(host, options, native)` returns the status of a host, or nil if it has ended.
return function(options, native, ask)
  local self = { options = options, native = native, ask = ask, is_allowed = guard(options.web), text = "null",
    timer = uv.new_timer() }
  local server, message = http.serve(options.web, function(request) return respond(self, request) end)
  if not server then
    log.error(message)
    return FAILED
  end
  log.info("the status page is at %s/", server.url)
  signals.first({ "sigint", "sigterm" }, native, function() self.is_over = true end)
  native.loaded()
  run(self)
  server.close()
  return 0
end
