-- The latency from send to handler: in a plain loop that polls the descriptor, in the luv loop, in nginx with its
-- helper thread, and in nginx polling every 10 ms. All receive the same messages.
--
--   make bench-resty
local lab = require "corosync.lab"

local COUNT, PAUSE = 2000, 0.002

local tree = os.getenv "BUILD_JIT"
local cluster = assert(lab.start(1))

local function nginx(poll)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(([[
user root; worker_processes 1; pid /run/nginx%s.pid; daemon off; error_log stderr warn;
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
events { worker_connections 64; }
http {
  lua_package_path "%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua;;";
  lua_package_cpath "%s/lib/lua/5.1/?.so;;";
  init_worker_by_lua_block {
    local receiver = dofile "bench/latency_node.lua"
    require("corosync.resty").group("latency", receiver.handlers("nginx, %s"), { per = "worker", poll = %s })
  }
}
]]):format(poll or "", tree, tree, tree, poll and ("polling every %g ms"):format(poll * 1000) or "helper thread",
    tostring(poll)))
  file:close()
  return { "nginx", "-p", ".", "-c", path }, path
end

local results = {}
local function collect(line)
  if line:match "^result" then results[#results + 1] = line:sub(8) end
  if line:match "error" then print(line) end
end

local paths = {}
local function start(argv, path)
  paths[#paths + 1] = path
  return assert(cluster:run(1, argv, { output = collect }))
end

local programs = {
  start { "lua5.4", "bench/latency_node.lua", "plain" },
  start { "lua5.4", "bench/latency_node.lua", "luv" },
  start(nginx()),
  start(nginx(0.01)),
}
local sender = assert(cluster:run(1, { "lua5.4", "bench/latency_node.lua", "send", tostring(#programs), tostring(COUNT),
  tostring(PAUSE) }))
assert(sender:wait(60) == 0, table.concat(sender.errors, "\n"))
assert(cluster:wait_for(function() return #results == #programs end, 10, "all results"))
table.sort(results)
print(("%d messages of 64 bytes, one every %g ms; microseconds from send to handler"):format(COUNT, PAUSE * 1000))
print(table.concat(results, "\n"))
assert(cluster:stop())
for _, path in pairs(paths) do os.remove(path) end
