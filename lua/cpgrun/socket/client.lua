-- The client of the control socket: finds the hosts of this user, and sends requests to one.
local folder = require "cpgrun.socket.folder"
local json = require "cpgrun.json"
local protocol = require "cpgrun.socket.protocol"
local uv = require "luv"

local client = {}

local LONGEST_LINE = 16777216 -- bytes of a reply
local PREFIX = "the control socket of %s (pid %d) "

--- Returns the sockets of all hosts of this user (as root: of all users), sorted by name and process.
-- @tparam string|nil given a folder instead of the default ones
-- @treturn table[] each with path, name, pid, user
function client.hosts(given)
  local found = {}
  for _, path in ipairs(folder.all(given)) do
    for _, each in ipairs(folder.list(path)) do
      found[#found + 1] = each
    end
  end
  table.sort(found, function(one, other)
    if one.name ~= other.name then
      return one.name < other.name
    end
    return one.pid < other.pid
  end)
  return found
end

local function fail(self, code, text, ...)
  self.result = self.result or { nil, (PREFIX .. text):format(self.host.name, self.host.pid, ...), code }
end

local function take(self, line)
  local reply, problem = json.decode(line)
  if type(reply) ~= "table" then
    fail(self, "protocol", "sent a reply that is not a JSON object: %s", problem or type(reply))
  elseif reply.output then
    self.output(tostring(reply.output))
  else
    self.result = { reply }
  end
end

local function receive(self, problem, data)
  if self.result then
    return
  elseif not data then
    return fail(self, "closed", "was closed before the reply: %s",
      problem or "the script has ended, or has too many clients")
  end
  self.rest = self.rest .. data
  for line in self.rest:gmatch "([^\n]*)\n" do
    if not self.result then
      take(self, line)
    end
  end
  self.rest = self.rest:match "^.*\n(.*)$" or self.rest
  if #self.rest > LONGEST_LINE then
    fail(self, "protocol", "sent a line of more than %d bytes", LONGEST_LINE)
  end
end

-- Another program might have created the socket.
local function is_trusted(self, native)
  local user = native.peer_user(self.pipe:fileno())
  return user == self.host.user
end

local function connected(self, native, request, problem)
  if problem and problem:find "ECONNREFUSED" then
    if self.host.user == uv.getuid() then -- root deletes nothing in folders of others, which may contain links
      uv.fs_unlink(self.host.path)
    end
    return fail(self, "stale", "was left behind by a process that was killed")
  elseif problem then
    return fail(self, "access", "refused the connection: %s", problem)
  elseif not is_trusted(self, native) then
    return fail(self, "access", "belongs to a program of another user")
  end
  self.pipe:read_start(function(...) receive(self, ...) end)
  self.pipe:write(json.encode(request) .. "\n")
end

--- Sends a request, and waits for the reply.
-- @tparam table host of `hosts`
-- @tparam table native see main.lua
-- @tparam table request
-- @tparam number|nil seconds the longest wait; nil for no limit
-- @tparam[opt] fun(text:string) output called with the output of an evaluation
-- @treturn table the reply
-- @error nil, message, code: "timeout", "stale" (the socket was removed), "access", "closed", "protocol"
function client.ask(host, native, request, seconds, output)
  local self = { host = host, pipe = uv.new_pipe(false), rest = "", output = output or function() end }
  local timer = uv.new_timer()
  if seconds then
    timer:start(math.ceil(1000 * seconds), 0, function()
      fail(self, "timeout", "did not reply within %g s", seconds)
    end)
  end
  request.version = protocol.VERSION
  self.pipe:connect(host.path, function(problem) connected(self, native, request, problem) end)
  while not self.result do
    uv.run "once"
  end
  timer:close()
  self.pipe:close()
  uv.run "nowait"
  return (table.unpack or unpack)(self.result, 1, 3) -- luacheck: ignore 113
end

-- Finds hosts by the name of the script, the name of its group, or a process id. Without a word, returns all hosts.
-- @treturn table[] the hosts
-- @treturn integer the number of all hosts
function client.find(word, given, native, seconds)
  local all, found = client.hosts(given), {}
  for _, host in ipairs(all) do
    if not word or host.name == word or tostring(host.pid) == word then
      found[#found + 1] = host
    end
  end
  for _, host in ipairs(word and #found == 0 and all or {}) do
    local reply = client.ask(host, native, { command = "status" }, seconds)
    local status = reply and reply.status
    if status and (status.group.name == word or status.name == word) then
      found[#found + 1] = host
    end
  end
  return found, #all
end

--- Returns why `find` has found nothing: among none, or among scripts of other names.
function client.why_none(word, all)
  return word and all > 0
    and ("no running script has the name or process id '%s': list them with cpgrun status"):format(word)
    or "no script with a control socket is running: if it was started with --socket, use the same --socket here"
end

return client
