local adapters = require "spec.helpers.nginx.adapters"

local cluster, servers

setup(function() cluster, servers = adapters.start() end)
teardown(function() adapters.stop(cluster) end)

local function publish(node, target, source, text)
  local path = ("8090/publish?target=%s&source=%s&text=%s"):format(target, source, text)
  assert.equal("true", servers[node]:request(path))
end

local function count(pattern)
  return #servers[1]:find(pattern) + #servers[2]:find(pattern)
end

describe("events in nginx #slow", function()
  it("reach all workers of all nodes, with the sender's address", function()
    publish(1, "all", "config", "seven")
    for node = 1, 2 do servers[node]:says("^%d+ event config event seven 1:%d+$", 2) end
  end)

  it("reach only the worker that publishes to \"current\"", function()
    publish(2, "current", "own", "one")
    servers[2]:says("^%d+ event own event one nil$")
    publish(1, "all", "after", "own")
    for node = 1, 2 do servers[node]:says("event after event own", 2) end
    assert.equal(1, count "event own event one")
  end)

  it("reach one worker if several publish the same hash", function()
    for _ = 1, 3 do
      for node = 1, 2 do publish(node, "hash", "unique", "once") end
    end
    publish(1, "all", "after", "unique")
    for node = 1, 2 do servers[node]:says("event after event unique", 2) end
    assert.equal(1, count "event unique event once")
  end)

  it("reach the other callbacks when one fails, and none that was unsubscribed", function()
    publish(1, "all", "other", "text")
    for node = 1, 2 do
      servers[node]:says("callback for event event of source other failed: .*as asked", 2)
      servers[node]:says("event other event text", 2)
    end
    publish(1, "all", "after", "other")
    for node = 1, 2 do servers[node]:says("event after event other", 2) end
    assert.equal(0, count "never")
  end)
end)
