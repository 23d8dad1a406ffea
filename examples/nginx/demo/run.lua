-- `make demo-openresty`: the cache on three nodes of a lab under load, while values change and a node is killed.
-- Usage: run.lua [SECONDS]
local lab = require "corosync.lab"

local FOLDER = "examples/nginx/"
local SECONDS = tonumber(arg[1]) or 8 -- of load in each phase

io.stdout:setvbuf "line"

local began = os.time()
local function tell(format, ...)
  print(("%4ds  %s"):format(os.time() - began, format:format(...)))
end

local cluster = assert(lab.start(3))
local servers, lines, used = {}, {}, {}

-- nginx on a node; on node 1 also the origin.
local function start(node)
  used[node] = 0
  servers[node] = assert(cluster:run(node, { FOLDER .. "in_lab.sh" }, {
    env = { NODE = tostring(node) },
    output = function(line)
      lines[#lines + 1] = line
      used[node] = used[node] + (line:match "'cache': in use" and 1 or 0)
    end,
  }))
end

local function wait_for(what, predicate)
  if not cluster:wait_for(predicate, 60, what) then
    print(table.concat(lines, "\n"))
    error("waited too long for " .. what, 0)
  end
end

local function wait_until_used(node, count)
  wait_for(("node %d to use its cache"):format(node), function() return used[node] >= count end)
end

local function curl(node, key, ...)
  return assert(cluster:run(node, { "curl", "-sS", "--max-time", "20", "http://127.0.0.1:8080/key" .. key, ... }))
end

local function output(client)
  client:wait(30)
  return table.concat(client.lines, "\n")
end

local last = 0

-- Changes a key on one node, and reads it on all. Returns the numbers of confirmed changes and of old values.
local function change(nodes, writer)
  last = last + 1
  local key, value, readers, old = last % 10, tostring(last), {}, 0
  if output(curl(writer, key, "-X", "PUT", "-d", value)) ~= "changed" then
    return 0, 0
  end
  for i, node in ipairs(nodes) do
    readers[i] = curl(node, key)
  end
  for _, reader in ipairs(readers) do
    old = old + (output(reader) == value and 0 or 1)
  end
  return 1, old
end

local function have_exited(clients)
  for _, client in ipairs(clients) do
    if not client.exited then
      return false
    end
  end
  return true
end

-- Load on the nodes while values change; `disturb` is called when it has begun.
local function phase(title, nodes, disturb)
  tell("%s", title)
  local clients, confirmed, old = {}, 0, 0
  for i, node in ipairs(nodes) do
    clients[i] = assert(cluster:run(node, { "wrk", "-t1", "-c4", "-d" .. SECONDS, "-s", FOLDER .. "demo/load.lua",
      "http://127.0.0.1:8080" }))
  end
  if disturb then
    disturb()
  end
  repeat
    local changed, stale = change(nodes, nodes[last % #nodes + 1])
    confirmed, old = confirmed + changed, old + stale
  until have_exited(clients)
  for i, client in ipairs(clients) do
    local rate, hits, failures = output(client):match "load (%d+) (%d+) (%d+)"
    print(("       node %d: %6d reads a second, %5.1f %% from the cache, %d failed"):format(nodes[i], rate, hits / 10,
      failures))
  end
  print(("       %d changes, each then read on %d nodes: %d old values"):format(confirmed, #nodes, old))
  return old
end

tell "Three nodes, each with Corosync and an nginx with two workers. An origin on node 1 takes 2 ms per request."
for node = 1, 3 do start(node) end
for node = 1, 3 do wait_until_used(node, 2) end
-- They store nothing at first, because they do not know whether a change is under way.
wait_for("a value in the cache", function() return output(curl(3, 0, "-D", "-")):find "X%-Cache: hit" end)
local old = phase("All workers use their caches. Load on all nodes:", { 1, 2, 3 })
old = old + phase("Node 2 is killed under load:", { 1, 3 }, function()
  local before = used[1]
  assert(cluster:kill(2))
  servers[2]:kill "sigkill"
  wait_until_used(1, before + 1)
  tell "Corosync has noticed. The other nodes have emptied their caches and continue."
end)
assert(cluster:restart(2))
start(2)
wait_until_used(2, 2)
old = old + phase("Node 2 is back, with an empty cache:", { 1, 2, 3 })
assert(cluster:stop())
tell(old == 0 and "OK: no old value was read after a change." or "FAIL: %d old values were read after a change.", old)
os.exit(old == 0 and 0 or 1)
