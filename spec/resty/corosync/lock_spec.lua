local adapters = require "spec.helpers.nginx.adapters"

local cluster, servers

setup(function() cluster, servers = adapters.start() end)
teardown(function() adapters.stop(cluster) end)

describe("a lock in nginx #slow", function()
  it("is held by one request at a time, of all workers and nodes, with growing tokens", function()
    local clients, held = {}, {}
    for i = 1, 4 do
      clients[i] = servers[i % 2 + 1]:begin_request "8090/compete"
    end
    for _, client in ipairs(clients) do
      assert(client:wait(60))
      for _, line in ipairs(client.lines) do
        local token, from, to = line:match "^(%d+) (%S+) (%S+)$"
        held[#held + 1] = { token = tonumber(token), from = tonumber(from), to = tonumber(to) }
      end
    end
    assert.equal(40, #held)
    table.sort(held, function(one, other) return one.token < other.token end)
    for i = 2, #held do
      assert.is_true(held[i].token > held[i - 1].token and held[i].from >= held[i - 1].to)
    end
  end)

  it("times out while another request holds it, and is released when its time is over", function()
    servers[1]:request "8090/locked_and_forgotten?key=kept&exptime=600"
    assert.equal("timeout", servers[2]:request "8090/lock?key=kept&timeout=0")
    local first = tonumber((servers[1]:request "8090/locked_and_forgotten?key=forgotten&exptime=1"))
    local second = servers[2]:request "8090/lock?key=forgotten&timeout=45"
    assert.is_true(tonumber(second:match "^locked (%d+)$" or 0) > first, second)
  end)

  it("is released when the thread that waited for it was killed", function()
    assert.equal("killed", servers[1]:request "8090/locked_by_killed_thread?key=thread")
    assert.matches("^locked %d+$", servers[2]:request "8090/lock?key=thread&timeout=45")
  end)

  it("is released when its worker is killed", function()
    local token = tonumber((servers[1]:request "8090/locked_and_forgotten?key=killed&exptime=600"))
    for _, pid in ipairs(servers[1]:children()) do servers[1]:signal("KILL", pid) end
    local other = servers[2]:request "8090/lock?key=killed&timeout=45"
    assert.is_true(tonumber(other:match "^locked (%d+)$" or 0) > token, other)
  end)

  it("fails as lua-resty-lock does", function()
    assert.equal("locked 1 unlocked unlocked nil key", servers[1]:request "8090/unlock_twice?key=twice")
  end)

  it("is not granted without a majority", function()
    assert(cluster:partition({ 1 }, { 2 }))
    servers[1]:says("'ipc': bypassed: this node has no quorum", 2)
    assert.matches("^cannot acquire lock 'alone' of ", servers[1]:request "8090/lock?key=alone&timeout=1")
  end)
end)
