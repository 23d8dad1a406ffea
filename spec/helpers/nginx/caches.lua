-- The cache of examples/nginx on nodes of a lab.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local nginx = require "spec.helpers.nginx"
local uv = require "luv"

local CONFIGURATION = uv.cwd() .. "/examples/nginx/nginx.conf"

local unpack = table.unpack or unpack -- luacheck: ignore 113 143

local caches = {}

-- An origin on node 1 that can be slow, and rejects values that are less than the present one.
function caches.start_origin(cluster)
  local origin = nginx.start(cluster, 1, "origin.conf")
  origin:says "start worker process"
  return origin
end

-- All its workers use the cache.
function caches.start(cluster, node)
  local server = nginx.start(cluster, node, CONFIGURATION)
  server:says("'cache': in use", 2)
  return server
end

function caches.get(server, key, ...)
  local out = server:request("8080/key" .. key, "-D", "-", ...)
  return out:match "\r\n\r\n(.*)$", out:match "X%-Cache: (%a+)"
end

function caches.put(server, key, value, ...)
  return server:request("8080/key" .. key, "-X", "PUT", "--data", tostring(value), ...)
end

function caches.warm(server, key)
  server:wait_for("a hit", function() return select(2, caches.get(server, key)) == "hit" end)
end

-- How many of 100 requests find the key in the cache.
function caches.hits(server, key)
  local urls = {}
  for i = 1, 99 do urls[i] = ("http://127.0.0.1:8080/key%d"):format(key) end
  local _, hits = server:request("8080/key" .. key, "-D", "-", unpack(urls)):gsub("X%-Cache: hit", "")
  return hits
end

-- A client on the server's node that reads keys 0 to `keys` - 1, or changes a key, without a pause until it is closed.
function caches.client(cluster, node, ...)
  return assert(cluster:run(node, { groups.interpreter, uv.cwd() .. "/spec/helpers/clients/http.lua", ... }))
end

local function requests(clients)
  local all = { GET = {}, PUT = {} }
  for _, client in ipairs(clients) do
    for _, line in ipairs(client.lines) do
      local method, key, value, from, to, status, how = line:match "^(%u+) (%d+) (%S+) (%d+) (%d+) (%d+) (%S+)$"
      if status == "200" then
        table.insert(all[method], { key = key, value = tonumber(value), from = tonumber(from), to = tonumber(to),
          how = how, line = line })
      end
    end
  end
  return all
end

-- By key and value: the first confirmed change to a greater value. One client makes a key's changes: 1, 2, 3 and so on.
local function successors(changes)
  local next_ones, last = {}, {}
  for _, change in ipairs(changes) do
    local of_key = next_ones[change.key] or {}
    next_ones[change.key] = of_key
    for value = last[change.key] or 0, change.value - 1 do of_key[value] = change end
    last[change.key] = change.value
  end
  return next_ones
end

-- What clients have seen: the number of hits, of confirmed changes, and a text for each value that was read at least so
-- many seconds after the change that replaced it was confirmed.
function caches.judge(clients, seconds)
  local all = requests(clients)
  local next_ones, hits, stale = successors(all.PUT), 0, {}
  for _, read in ipairs(all.GET) do
    local change = (next_ones[read.key] or {})[read.value]
    local late = change and (read.from - change.to) / 1e9
    hits = hits + (read.how == "hit" and 1 or 0)
    if late and late > seconds then
      stale[#stale + 1] = ("%.3f s late: %s, after: %s"):format(late, read.line, change.line)
    end
  end
  return hits, #all.PUT, stale
end

return caches
