local adapters = require "spec.helpers.nginx.adapters"
local nginx = require "spec.helpers.nginx"

local cluster, servers

setup(function() cluster, servers = adapters.start() end)
teardown(function() adapters.stop(cluster) end)

local function left(node, key)
  return tonumber((servers[node]:request("8090/left?key=" .. key)))
end

local function wait_for_left(node, key, count)
  servers[node]:wait_for(("%d of %s to be left"):format(count, key), function()
    local urls = {}
    for i = 1, 9 do urls[i] = "http://127.0.0.1:8090/left?key=" .. key end -- both workers
    local out = servers[node]:request("8090/left?key=" .. key, (table.unpack or unpack)(urls)) -- luacheck: ignore 113
    return out == (count .. "\n"):rep(9) .. count
  end)
end

local function pass(node, key, count)
  return tonumber((servers[node]:request(("8090/incoming?key=%s&count=%d"):format(key, count))))
end

describe("counters in nginx #slow", function()
  it("count the requests of all workers and nodes", function()
    assert.equal(30, pass(1, "tea", 30))
    assert.equal(30, pass(1, "tea", 30))
    wait_for_left(2, "tea", 40)
    assert.equal(40, pass(2, "tea", 50))
    wait_for_left(1, "tea", -10)
    assert.equal(0, pass(1, "tea", 5))
  end)

  it("take requests back", function()
    assert.equal(10, pass(1, "back", 10))
    assert.equal(91, tonumber((servers[1]:request "8090/uncommit?key=back")))
    wait_for_left(2, "back", 91)
  end)

  it("reach a node that starts later, and include those of a node that has stopped", function()
    assert.equal(20, pass(1, "late", 20))
    assert.equal(5, pass(2, "late", 5))
    wait_for_left(1, "late", 75)
    servers[2]:stop()
    servers[2] = nginx.start(cluster, 2, "adapters.conf")
    servers[2]:says("start worker process %d", 2)
    servers[2]:wait_for("the counts", function() return left(2, "late") == 80 end)
    assert.equal(1, pass(2, "late", 1))
    wait_for_left(1, "late", 74)
  end)
end)
