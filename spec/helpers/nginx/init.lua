-- nginx in a lab's nodes, with the modules of this checkout.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local kill = require("spec.helpers.program").kill
local procfs = require "corosync.lab.procfs"
local uv = require "luv"

local nginx = {}

local TREE = uv.cwd() .. "/build/jit"
local FOLDER = uv.cwd() .. "/spec/helpers/nginx"

local environment = {
  LUA_PATH = ("%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua;;"):format(TREE, TREE),
  LUA_CPATH = TREE .. "/lib/lua/5.1/?.so;;",
}

local PROGRAM = "/usr/sbin/nginx" -- a path, because nginx starts it again when it is upgraded

local started, members = {}, {}

local Nginx = {}
Nginx.__index = Nginx

local Member = {}
Member.__index = Member

function nginx.is_root()
  local file = assert(io.open "/proc/self/uid_map")
  local first, _, count = file:read("*n", "*n", "*n")
  file:close()
  return first == 0 and count > 1
end

-- nginx as root sets the groups of its workers, which an ordinary user's namespace forbids: there it is not root.
local function command(configuration, directives)
  local folder, file = configuration:match "^(.*)/(.*)$"
  local argv = nginx.is_root() and {} or { "unshare", "-U", "--map-user=1", "--map-group=1" }
  local defaults = nginx.is_root() and not directives:find "user " and "user root; " or ""
  defaults = defaults .. (directives:find "daemon " and "" or "daemon off; ")
  for _, word in ipairs { PROGRAM, "-p", folder or FOLDER, "-c", file or configuration, "-g",
    defaults .. "error_log stderr notice; " .. directives } do
    argv[#argv + 1] = word
  end
  return argv
end

--- Starts an nginx. Its events, the lines that it writes, are in the field `lines`. `configuration`: a file in
-- spec/helpers/nginx, or a path. `directives`: more of nginx's.
function nginx.start(cluster, node, configuration, env, directives)
  local self = setmetatable({ cluster = cluster, node = node, lines = {} }, Nginx)
  local variables = {}
  for name, value in pairs(environment) do variables[name] = value end
  for name, value in pairs(env or {}) do variables[name] = value end
  self.process = assert(cluster:run(node, command(configuration, directives or ""), {
    env = variables,
    output = function(line) self.lines[#self.lines + 1] = line end,
  }))
  started[#started + 1] = self
  return self
end

--- Ends all that were started.
function nginx.clean()
  for i = #started, 1, -1 do
    table.remove(started, i):stop()
  end
  for i = #members, 1, -1 do
    table.remove(members, i):stop()
  end
end

function nginx.start_app(cluster, node, env)
  return nginx.start(cluster, node, "app.conf", env)
end

--- Waits until so many workers have been told that their node has joined.
function nginx.node_joined(server, count)
  server:says(("^%%d+ config %%d+ left  joined %d:%%d+=join$"):format(server.node), count)
end

--- With one presence for its workers, three unless told.
function nginx.start_node_app(cluster, node, env, count)
  return nginx.start(cluster, node, "node.conf", env, ("worker_processes %d;"):format(count or 3))
end

function nginx.node_app(cluster, node, env, count)
  local server = nginx.start_node_app(cluster, node, env, count)
  nginx.node_joined(server, count or 3)
  return server
end

-- The kernel's state of a process and its children: their names, states and wait channels.
local function states(pid)
  local name_and_state = (procfs.read(("/proc/%d/stat"):format(pid)) or ""):match "%(.*%) %a" or "is gone"
  local said = { ("%d %s %s"):format(pid, name_and_state, procfs.read(("/proc/%d/wchan"):format(pid)) or "") }
  for _, child in ipairs(procfs.children(pid)) do said[#said + 1] = states(child) end
  return table.concat(said, "\n")
end

function Nginx:wait_for(what, predicate, seconds)
  local ok, message = self.cluster:wait_for(predicate, seconds or 60, what)
  if not ok then
    local lines = table.concat(self.lines, "\n", math.max(1, #self.lines - 40))
    error(("%s\n%s\n%s"):format(message, lines, states(self.process.outer_pid)), 2)
  end
end

--- The lines that match, or the pattern's captures.
function Nginx:find(pattern)
  local found = {}
  for _, line in ipairs(self.lines) do
    found[#found + 1] = line:match(pattern)
  end
  return found
end

--- Waits until so many lines match.
function Nginx:says(pattern, count)
  count = count or 1
  self:wait_for(("node %d to say '%s' %d times"):format(self.node, pattern, count),
    function() return #self:find(pattern) >= count end)
end

--- The pids of the workers, in their own namespace.
function Nginx:children()
  local master = self:master()
  local path = ("/proc/%s/task/%s/children"):format(master, master)
  local _, out = assert(self.cluster:command(self.node, { "cat", path }))
  local pids = {}
  for pid in out:gmatch "%d+" do pids[#pids + 1] = pid end
  table.sort(pids)
  return pids
end

function Nginx:master()
  local _, out = assert(self.cluster:command(self.node, { "cat", "/run/nginx.pid" }))
  return assert(out:match "%d+", "nginx does not run")
end

function Nginx:signal(signal, pid)
  -- The shell's own: the program of that name is in a package that not every machine has.
  local code, _, errors = assert(self.cluster:command(self.node,
    { "sh", "-c", 'kill -s "$0" "$1"', signal, pid or self:master() }))
  assert(code == 0, errors)
end

--- The response to a request. Each uses a new connection: the kernel chooses the worker.
function Nginx:request(path, ...)
  local code, out, errors = assert(self.cluster:command(self.node, { "curl", "-sS", "--max-time", "60",
    "http://127.0.0.1:" .. path, ... }, 90))
  assert(code == 0, errors)
  return (out:gsub("\n$", ""))
end

--- Begins such a request. Its response will be the lines of the process that it returns.
function Nginx:begin_request(path, ...)
  return assert(self.cluster:run(self.node, { "curl", "-sS", "http://127.0.0.1:" .. path, ... }))
end

--- The sequence of messages delivered to a worker.
function Nginx:messages(pid)
  return self:find("^" .. pid .. " message (.*)$")
end

--- Ends at once, and waits until it has.
function Nginx:stop()
  -- A signal that comes before it starts its workers is lost: it looks for one only after the next.
  self:wait_for(("the nginx of node %d to have started"):format(self.node), function()
    return self.process.exited or self:find("start worker process %d")[1] or self:find("^%d+ config")[1]
  end)
  if not self.process.exited then
    self.process:kill "sigterm" -- fails if it has just ended by itself
    self:wait_for(("the nginx of node %d to end"):format(self.node), function() return self.process.exited end)
  end
end

-- The workers of an nginx, all of which are members.
function nginx.joined(server, count)
  server:wait_for("the workers of node " .. server.node .. " to join", function()
    local pids = server:children()
    for _, pid in ipairs(pids) do
      if not server:find("^" .. pid .. " config .* joined .*(" .. server.node .. ":" .. pid .. "=join)")[1] then
        return false
      end
    end
    return #pids == (count or 2)
  end)
  return server:children()
end

--- With two workers, both of which are members.
function nginx.app(cluster, node, env)
  local server = nginx.start_app(cluster, node, env)
  server:says("^%d+ config", 2)
  nginx.joined(server)
  return server
end

--- Starts a member without nginx on a node of a server's cluster, and waits until it has joined. Its events are in the
-- field `lines`. `...`: more arguments of spec/helpers/clients/member.lua.
function nginx.member(server, node, ...)
  local argv = groups.member_argv "spec"
  for _, word in ipairs { ... } do argv[#argv + 1] = word end
  local process = assert(server.cluster:run(node, argv))
  local self = setmetatable({ server = server, process = process, lines = process.lines }, Member)
  members[#members + 1] = self
  server:wait_for("the member to join", function() return self.lines[2] end)
  return self
end

function Member:says(line)
  self.server:wait_for("the member to say '" .. line .. "'", function() return groups.has_line(self, line) end)
end

--- Waits until a message has been delivered to it.
function Member:hears(text)
  self.server:wait_for("the member to receive " .. text, function()
    for _, line in ipairs(self.lines) do
      if line:match "^message %S+ (.*)$" == text then return true end
    end
  end)
end

function Member:stop()
  kill { self.process }
end

--- The workers of some servers, as `sequences` takes them.
function nginx.workers(...)
  local list = {}
  for _, server in ipairs { ... } do
    for _, pid in ipairs(server:children()) do list[#list + 1] = { server, pid } end
  end
  return list
end

--- Makes three requests to each of some servers at the same time, each with a text of its own, and waits until all have
-- this response.
function nginx.request_at_once(servers, path, response)
  local clients = {}
  for _, server in ipairs(servers) do
    for i = 1, 3 do
      clients[#clients + 1] = server:begin_request(("%s&text=%d-%d-"):format(path, server.node, i))
    end
  end
  for _, client in ipairs(clients) do
    assert.equal(0, (assert(client:wait(20))))
    assert.same({ response }, client.lines)
  end
end

-- Sends a last message, waits until these workers have received it, and returns the messages of each.
function nginx.sequences(sender, mark, workers)
  assert.equal("sent", sender:request("8090/send?text=" .. mark))
  local heard = {}
  for _, each in ipairs(workers) do
    local server, pid = each[1], each[2]
    server:says(("^%s message %%S+ %s$"):format(pid, mark))
    heard[#heard + 1] = server:messages(pid)
  end
  return heard
end

function nginx.assert_same_order(heard)
  for i = 2, #heard do
    assert.same(heard[1], heard[i])
  end
  local seen = {}
  for _, message in ipairs(heard[1]) do
    assert.is_nil(seen[message], message)
    seen[message] = true
  end
end

return nginx
