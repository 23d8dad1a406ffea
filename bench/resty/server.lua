-- nginx in a node of a lab, for bench/resty_node.lua.
local server = {}

local tree = os.getenv "BUILD_JIT"

local CONFIGURATION = [[
user root; worker_processes %d; pid /run/nginx%d.pid; daemon off; error_log stderr warn;
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
events { worker_connections 1024; }
http {
  access_log off;
  lua_package_path "%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua;;";
  lua_package_cpath "%s/lib/lua/5.1/?.so;;";
  lua_shared_dict corosync 10m;
  init_worker_by_lua_block {
    worker = dofile "bench/resty/worker.lua"
    worker.start { per = "%s", pack = %s }
  }
  server {
    listen %d reuseport;
    location /ping { content_by_lua_block { worker.ping() } }
    location /flood { content_by_lua_block { worker.flood() } }
    location /unrelated { content_by_lua_block { ngx.say "hello" } }
  }
}
]]

local Server = {}
Server.__index = Server

function Server:wait_for(predicate, what)
  assert(self.cluster:wait_for(predicate, 60, what))
end

function Server:curl(path)
  local url = ("http://127.0.0.1:%d%s"):format(self.port, path)
  local code, out, errors = assert(self.cluster:command(self.node, { "curl", "-sS", url }, 120))
  assert(code == 0, errors)
  return out
end

-- The output of a command of the shell in the node.
function Server:shell(command)
  local _, out = assert(self.cluster:command(self.node, { "sh", "-c", command }, 60))
  return (out:gsub("\n$", ""))
end

function Server:workers()
  local pids = {}
  for pid in self:shell(("pgrep -P $(cat /run/nginx%d.pid)"):format(self.port)):gmatch "%d+" do
    pids[#pids + 1] = pid
  end
  return pids
end

function Server:wait_for_join(count)
  self:wait_for(function() return #self.results.config >= count end, "all workers to join")
end

function Server:stop()
  self.process:kill "sigterm"
  self:wait_for(function() return self.process.exited end, "nginx to end")
  os.remove(self.path)
end

-- `options`: port; per ("node", "worker" or "none"), pack, workers.
function server.start(cluster, node, options)
  local self = setmetatable({ cluster = cluster, node = node, port = options.port, path = os.tmpname(),
    results = { config = {}, rate = {}, latency = {}, disconnected = {} } }, Server)
  local file = assert(io.open(self.path, "w"))
  file:write(CONFIGURATION:format(options.workers, options.port, tree, tree, tree, options.per,
    tostring(options.pack or false), options.port))
  file:close()
  self.process = assert(cluster:run(node, { "nginx", "-p", ".", "-c", self.path }, { output = function(line)
    local kind, rest = line:match "^result %d+ (%a+) (.*)$"
    if kind then
      table.insert(self.results[kind], rest)
    end
    if not kind or kind == "disconnected" then
      print(line)
    end
  end }))
  if options.per ~= "none" then
    self:wait_for_join(options.workers)
  else
    self:wait_for(function() return self:shell(("cat /run/nginx%d.pid"):format(self.port)) ~= "" end, "nginx to start")
  end
  return self
end

return server
