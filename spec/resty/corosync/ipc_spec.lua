local adapters = require "spec.helpers.nginx.adapters"

local cluster, servers

setup(function() cluster, servers = adapters.start() end)
teardown(function() adapters.stop(cluster) end)

local function has(node, key)
  return servers[node]:request("8090/second_level?key=" .. key) == "value"
end

local function store(key)
  for node = 1, 2 do assert.equal("stored", servers[node]:request("8090/store?key=" .. key)) end
end

local function wait_until_gone(node, key)
  servers[node]:wait_for(key .. " to be gone", function() return not has(node, key) end)
end

describe("the ipc for mlcache #slow", function()
  it("deletes a key from both levels on all nodes", function()
    store "tea"
    store "oil"
    assert.equal("true", servers[1]:request "8090/delete?key=tea")
    wait_until_gone(2, "tea")
    assert.is_true(has(2, "oil") and has(1, "oil"))
    servers[2]:says("%d invalidated tea", 2)
    servers[1]:says("%d invalidated tea", 1) -- by the worker that did not delete it
  end)

  it("tells all caches of the same name", function()
    assert.equal("true", servers[1]:request "8090/broadcast?key=salt")
    servers[2]:says("%d invalidated salt", 2)
    servers[2]:says("also invalidated salt", 2)
  end)

  it("keeps the second level of the node that has set a value", function()
    store "tea"
    assert.equal("true", servers[1]:request "8090/broadcast?key=tea")
    wait_until_gone(2, "tea")
    assert.is_true(has(1, "tea"))
  end)

  it("purges both levels on all nodes", function()
    store "tea"
    local before = #servers[2]:find "purged"
    assert.equal("true", servers[1]:request "8090/purge")
    wait_until_gone(2, "tea")
    servers[2]:says("purged", before + 2)
  end)

  it("is emptied on a node of which a worker was killed", function()
    store "tea"
    servers[2]:signal("KILL", servers[2]:children()[1])
    wait_until_gone(2, "tea")
    assert.is_true(has(1, "tea"))
  end)

  it("fails without quorum, and is emptied when the ring changes", function()
    store "tea"
    assert(cluster:partition({ 1 }, { 2 }))
    for node = 1, 2 do servers[node]:says("'ipc': bypassed: this node has no quorum", 2) end
    assert.equal("cannot send to group 'ipc': this node has no quorum", servers[1]:request "8090/broadcast?key=tea")
    assert.equal("false", servers[1]:request "8090/is_in_use")
    assert.is_false(has(1, "tea") or has(2, "tea"))
    local before = #servers[1]:find "'ipc': in use"
    assert(cluster:heal())
    servers[1]:says("'ipc': in use", before + 2)
    assert.equal("true", servers[1]:request "8090/is_in_use")
  end)
end)
