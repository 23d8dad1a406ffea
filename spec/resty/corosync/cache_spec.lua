local caches = require "spec.helpers.nginx.caches"
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local get, put, warm = caches.get, caches.put, caches.warm

local cluster, origin, servers

setup(function()
  cluster = assert(lab.start(3))
  origin = caches.start_origin(cluster)
  servers = {}
  for node = 1, 3 do servers[node] = caches.start(cluster, node) end
end)
teardown(function()
  nginx.clean()
  assert(cluster:stop())
end)

local function count_in_use(server)
  return #server:find "'cache': in use"
end

-- Does something, and waits until so many workers of the server use the cache anew.
local function restarts(server, count, action)
  local before = count_in_use(server)
  action()
  server:says("'cache': in use", before + count)
end

local function reload(node)
  restarts(servers[node], 2, function() servers[node]:signal "HUP" end)
end

-- Not while old workers of a reload remain, which may end by themselves.
local function kill_workers(node)
  local server = servers[node]
  server:wait_for("the old workers to end", function() return #server:children() == 2 end)
  restarts(server, 2, function()
    for _, pid in ipairs(server:children()) do server:signal("KILL", pid) end
  end)
end

-- Behind the cache's back, so that what the caches have is seen.
local function change_at_origin(key, value)
  local url = "http://10.9.0.1:8081/key" .. key
  assert.equal(0, (cluster:command(1, { "curl", "-sS", "-X", "PUT", "--data", value, url })))
end

describe("a cache in nginx #slow", function()
  it("keeps its values while other nodes' workers are reloaded and killed", function()
    assert.equal("changed", put(servers[2], 1, "1"))
    for node = 1, 3 do warm(servers[node], 1) end
    for _, disturb in ipairs { reload, kill_workers } do
      disturb(2)
      assert.same({ 100, 100 }, { caches.hits(servers[1], 1), caches.hits(servers[3], 1) })
    end
  end)

  it("is empty on a node of which a worker was killed", function()
    change_at_origin(2, "1")
    warm(servers[2], 2)
    change_at_origin(2, "2")
    assert.same({ "1", "hit" }, { get(servers[2], 2) })
    restarts(servers[2], 1, function() servers[2]:signal("KILL", servers[2]:children()[1]) end)
    assert.equal("2", (get(servers[2], 2)))
  end)

  local function hold(node, ...)
    return assert(cluster:run(node, { "curl", "-sS", "-H", "X-Hold: yes", ... }))
  end

  local function release()
    assert.equal(0, (cluster:command(1, { "curl", "-sS", "http://10.9.0.1:8081/release" })))
  end

  local ends = {
    ["is killed"] = function() kill_workers(2) end,
    ["leaves"] = function()
      local before = #servers[2]:find "gracefully shutting down"
      servers[2]:signal "HUP"
      servers[2]:says("gracefully shutting down", before + 2)
    end,
  }
  local key = 2

  for how, end_writer in pairs(ends) do
    it(("does not store the old value when the writer %s before the origin has changed it"):format(how), function()
      key = key + 1
      warm(servers[1], key)
      warm(servers[3], key)
      local writer = hold(2, "-X", "PUT", "--data", "1", "http://127.0.0.1:8080/key" .. key)
      origin:says("changes /key" .. key)
      assert.equal("0", (get(servers[1], key)))
      kill_workers(3) -- the new ones have not received the announcement
      assert.equal("0", (get(servers[3], key)))
      end_writer()
      release()
      assert(writer:wait(60))
      servers[1]:wait_for("the change", function() return get(servers[1], key) == "1" end)
      for _ = 1, 5 do assert.equal("1", (get(servers[3], key))) end
      warm(servers[3], key)
      assert.same({ "1", "hit" }, { get(servers[3], key) })
    end)
  end

  it("does not store a value that changes while it is fetched", function()
    local reader = hold(3, "http://127.0.0.1:8080/key5")
    origin:says "reads /key5"
    assert.equal("changed", put(servers[1], 5, "1"))
    release()
    assert(reader:wait(60))
    assert.same({ "0" }, reader.lines)
    assert.equal("1", (get(servers[3], 5)))
  end)

  it("is bypassed while Corosync is down, and empty afterwards", function()
    warm(servers[3], 6)
    assert(cluster:kill(3))
    servers[3]:says("bypassed: .*Corosync", 2)
    assert.equal("miss", (select(2, get(servers[3], 6))))
    change_at_origin(6, "1")
    restarts(servers[3], 2, function() assert(cluster:restart(3)) end)
    assert.equal("1", (get(servers[3], 6)))
    warm(servers[3], 6)
  end)

  it("is neither used nor changed without a majority, and is empty after the merge", function()
    warm(servers[2], 7)
    assert(cluster:partition({ 2 }, { 1, 3 }))
    servers[2]:says("bypassed: this node has no quorum", 2)
    assert.matches("not within 10 s: this node has no quorum", put(servers[2], 7, "1"))
    assert.equal("changed", put(servers[1], 7, "2"))
    restarts(servers[2], 2, function() assert(cluster:heal()) end)
    for node = 1, 3 do assert.equal("2", (get(servers[node], 7))) end
  end)
end)
