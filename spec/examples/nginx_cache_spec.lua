local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"
local uv = require "luv"

local unpack = table.unpack or unpack -- luacheck: ignore 113

local cluster
local keep = false -- the servers, for the next spec

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)

after_each(function()
  if not keep then
    nginx.clean()
  end
end)

describe("examples/nginx #slow", function()
  local KEYS = 10
  local servers

  -- Several changes, one after another, in one curl: pairs of key and value.
  local function start_putting(server, changes)
    local argv = { "curl", "-sS" }
    for i, change in ipairs(changes) do
      for _, word in ipairs { i > 1 and "--next" or "--fail", "-X", "PUT", "--data", tostring(change[2]),
        "http://127.0.0.1:8080/key" .. change[1] } do
        argv[#argv + 1] = word
      end
    end
    return assert(cluster:run(server.node, argv))
  end

  local function put(server, key, value)
    return server:request("8080/key" .. key, "-X", "PUT", "--data", tostring(value))
  end

  local function get(server, key)
    local out = server:request("8080/key" .. key, "-D", "-")
    return out:match "\r\n\r\n(.*)$", out:match "X%-Cache: (%a+)"
  end

  local function start_cache(node)
    local server = nginx.start(cluster, node, uv.cwd() .. "/examples/nginx", "nginx.conf")
    servers[node] = server
    server:says(" uses the cache", 2)
  end

  local function forgotten(server)
    local by_worker = {}
    for _, line in ipairs(server.lines) do
      local pid, key = line:match " (%d+)#%d+: .*forgot (%S+),"
      if pid then
        by_worker[pid] = by_worker[pid] or {}
        table.insert(by_worker[pid], key)
      end
    end
    return by_worker
  end

  setup(function()
    servers, keep = {}, true
    local origin = nginx.start(cluster, 1, uv.cwd() .. "/examples/nginx", "origin.conf")
    origin:says "start worker process"
    for node = 1, 3 do start_cache(node) end
  end)
  teardown(function()
    keep = false
    nginx.clean()
  end)

  -- Every cached value is equal to the origin's.
  local function assert_fresh(values)
    local urls, expected = {}, {}
    for key = 0, KEYS - 1 do
      urls[key + 1], expected[key + 1] = "http://127.0.0.1:8080/key" .. key, values[key] .. " "
    end
    for _, server in pairs(servers) do
      local out = server:request("8080/key0", "-w", " ", unpack(urls))
      assert.equal(expected[1] .. table.concat(expected), out)
    end
  end

  local function assert_forgotten_in_order(count)
    local first
    for node, server in ipairs(servers) do
      server:says(" forgot ", 2 * count)
      local workers = 0
      for _, keys in pairs(forgotten(server)) do
        first, workers = first or keys, workers + 1
        assert.same(first, keys, "node " .. node)
      end
      assert.equal(2, workers)
    end
    assert.equal(count, #first)
  end

  it("invalidates in one order on all nodes under load and never stays stale", function()
    local loads, clients, values, each = {}, {}, {}, 40
    for node = 1, 3 do
      loads[node] = assert(cluster:run(node, { "wrk", "-t1", "-c4", "-d3s", "-s", "spec/helpers/nginx/keys.lua",
        "http://127.0.0.1:8080" }))
    end
    for node = 1, 3 do -- each node changes keys of its own, so that it is known which change is the last
      local changes = {}
      for i = 1, each do
        local key = (i * 3 + node) % 9
        changes[i], values[key] = { key, node * 1000 + i }, node * 1000 + i
      end
      clients[node] = start_putting(servers[node], changes)
    end
    values[9] = 0
    for node = 1, 3 do
      assert.equal(0, (assert(clients[node]:wait(20))))
      assert.equal(("changed\n"):rep(each), table.concat(clients[node].lines, "\n") .. "\n")
    end
    for _, wrk in ipairs(loads) do
      assert.equal(0, (assert(wrk:wait(15))))
      assert.is_nil(table.concat(wrk.lines, "\n"):match "Non%-2xx")
    end
    assert_forgotten_in_order(3 * each)
    assert_fresh(values)
    assert.equal("hit", (select(2, get(servers[1], 4))))
  end)

  local function change_at_origin(key, value) -- without a message
    local code = cluster:command(1, { "curl", "-sS", "-X", "PUT", "--data", value, "http://10.9.0.1:8081/key" .. key })
    assert.equal(0, code)
  end

  it("starts with an empty cache after a worker was killed", function()
    local server = servers[2]
    assert.equal("changed", put(server, 1, "old"))
    server:wait_for("a hit", function() return select(2, get(server, 1)) == "hit" end)
    change_at_origin(1, "new")
    assert.same({ "old", "hit" }, { get(server, 1) })
    local said = #server:find " uses the cache"
    server:signal("KILL", server:children()[1])
    server:says(" uses the cache", said + 3) -- two of the one that stays, one of the new one
    assert.equal("new", (get(server, 1)))
  end)

  it("bypasses the cache while Corosync is down and restarts it empty", function()
    local server = servers[3]
    assert.equal("changed", put(server, 2, "old"))
    server:wait_for("a hit", function() return select(2, get(server, 2)) == "hit" end)
    assert(cluster:kill(3))
    server:says("does not use the cache: ", 2)
    for _ = 1, 3 do assert.same({ "old", "miss" }, { get(server, 2) }) end
    change_at_origin(2, "new")
    assert.equal("new", (get(server, 2)))
    local said = #server:find " uses the cache"
    assert(cluster:restart(3))
    server:says(" uses the cache", said + 2)
    assert.equal("new", (get(server, 2)))
    server:wait_for("a hit", function() return select(2, get(server, 2)) == "hit" end)
  end)

  it("bypasses the cache without a majority and restarts it empty after the merge", function()
    local server, said = servers[2], {}
    assert.equal("changed", put(server, 3, "old"))
    assert(cluster:partition({ 2 }, { 1, 3 }))
    server:says("does not use the cache, ", 2)
    for node, each in ipairs(servers) do said[node] = #each:find " uses the cache" end
    assert.equal("changed", put(servers[1], 3, "new"))
    assert(cluster:heal())
    for node, each in ipairs(servers) do each:says(" uses the cache", said[node] + 2) end
    for _, each in ipairs(servers) do assert.equal("new", (get(each, 3))) end
  end)

  it("is contained unchanged in the guide", function()
    local function read(path)
      local file = assert(io.open(path))
      local text = file:read "*a"
      file:close()
      return text
    end
    local guide = read "docs/openresty.md"
    for _, path in ipairs { "examples/nginx/nginx.conf", "examples/nginx/cache.lua" } do
      local kind = path:match "(%a+)$":gsub("conf", "nginx")
      assert.truthy(guide:find(("\n```%s\n%s```\n"):format(kind, read(path)), 1, true), path)
    end
  end)
end)

describe("examples/nginx without a quorum provider #slow", function()
  it("bypasses the cache and logs why", function()
    local unprovided = assert(lab.start { nodes = 1, quorum = false })
    finally(function()
      nginx.clean()
      assert(unprovided:stop())
    end)
    nginx.start(unprovided, 1, uv.cwd() .. "/examples/nginx", "origin.conf"):says "start worker process"
    local server = nginx.start(unprovided, 1, uv.cwd() .. "/examples/nginx", "nginx.conf")
    server:says("does not use the cache: Corosync has no quorum provider", 2)
    assert.matches("Corosync has no quorum provider", server:request("8080/key0", "-X", "PUT", "--data", "x"), 1, true)
    assert.same({}, server:find " uses the cache")
  end)
end)
