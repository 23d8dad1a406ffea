-- The cache of examples/nginx under random faults: each value that was read is compared with the order of the changes.
local caches = require "spec.helpers.nginx.caches"
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local FAULTS = tonumber(os.getenv "FAULTS") or 6
local SEED = tonumber(os.getenv "SEED") or os.time()
local KEYS = 3 -- node n changes key n - 1

-- Seconds for which a node that is cut off may not have noticed it while the others go on already.
local UNNOTICED = tonumber(os.getenv "UNNOTICED") or 5

local cluster, servers

local function has_hit_since(client, line)
  for i = line + 1, #client.lines do
    if client.lines[i]:match "hit$" then return true end
  end
  return false
end

local function count(clients, pattern)
  local found = 0
  for _, client in ipairs(clients) do
    for _, line in ipairs(client.lines) do
      found = found + (line:find(pattern) and 1 or 0)
    end
  end
  return found
end

local faults = {
  function(node) servers[node]:signal "HUP" end,
  function(node)
    local server = servers[node]
    -- The old workers of a reload may end by themselves.
    server:wait_for("the old workers to end", function() return #server:children() == 2 end)
    server:signal("KILL", server:children()[1])
  end,
  function(node)
    local others = {}
    for other = 1, 3 do others[#others + 1] = other ~= node and other or nil end
    local told = #servers[node]:find "bypassed: this node has no quorum"
    assert(cluster:partition({ node }, others))
    servers[node]:says("bypassed: this node has no quorum", told + 1)
    assert(cluster:heal())
  end,
  function(node)
    assert(cluster:kill(node))
    assert(cluster:restart(node))
  end,
}

describe("a cache in nginx under random faults #slow", function()
  it("returns no value that was replaced before", function()
    math.randomseed(SEED)
    cluster, servers = assert(lab.start(3)), {}
    finally(function()
      nginx.clean()
      assert(cluster:stop())
    end)
    caches.start_origin(cluster)
    local clients = {}
    for node = 1, 3 do
      servers[node] = caches.start(cluster, node)
    end
    for node = 1, 3 do
      for _ = 1, 2 do clients[#clients + 1] = caches.client(cluster, node, "get", tostring(KEYS)) end
      clients[#clients + 1] = caches.client(cluster, node, "put", tostring(node - 1))
    end
    for _ = 1, FAULTS do
      faults[math.random(#faults)](math.random(3))
      local before = #clients[1].lines
      cluster:wait_for(function() return has_hit_since(clients[1], before) end, 60, "a hit")
    end
    assert(cluster:wait_for(function() return count(clients, "hit$") > 100 and count(clients, "^PUT .* 200 ") > 50 end,
      120, "hits and changes"))
    for _, client in ipairs(clients) do
      client:close_stdin()
      assert(client:wait(60))
    end
    local hits, changes, stale = caches.judge(clients, UNNOTICED)
    local figures = ("seed %d: %d hits, %d changes"):format(SEED, hits, changes)
    if os.getenv "FAULTS" then print(figures) end
    assert.equal("", table.concat(stale, "\n"), figures)
  end)
end)
