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

  local function get(server, key)
    local out = server:request("8080/key" .. key, "-D", "-")
    return out:match "\r\n\r\n(.*)$", out:match "X%-Cache: (%a+)"
  end

  local function start_cache(node)
    local server = nginx.start(cluster, node, uv.cwd() .. "/examples/nginx/nginx.conf")
    servers[node] = server
    server:says("'cache': in use", 2)
  end

  setup(function()
    servers, keep = {}, true
    local origin = nginx.start(cluster, 1, uv.cwd() .. "/examples/nginx/origin.conf")
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

  it("has the last value of each key on all nodes after changes under load", function()
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
      assert.equal(0, (assert(clients[node]:wait(60))))
      assert.equal(("changed\n"):rep(each), table.concat(clients[node].lines, "\n") .. "\n")
    end
    for _, wrk in ipairs(loads) do
      assert.equal(0, (assert(wrk:wait(60))))
      assert.is_nil(table.concat(wrk.lines, "\n"):match "Non%-2xx")
    end
    assert_fresh(values)
    servers[1]:wait_for("a hit", function() return select(2, get(servers[1], 4)) == "hit" end)
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
    nginx.start(unprovided, 1, uv.cwd() .. "/examples/nginx/origin.conf"):says "start worker process"
    local server = nginx.start(unprovided, 1, uv.cwd() .. "/examples/nginx/nginx.conf")
    server:says("bypassed: Corosync has no quorum provider", 2)
    assert.matches("Corosync has no quorum provider", server:request("8080/key0", "-X", "PUT", "--data", "x"), 1, true)
    assert.same({}, server:find ": in use")
  end)
end)
