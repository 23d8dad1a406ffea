local lab = require "corosync.lab"

local EXPECTED = {
  "ready",
  "in a fork\t0",
  "dispatch\tnot_connected\tcannot dispatch cpg: Corosync on this node has gone, and with it the connection: "
    .. "see its log for the reason",
  "dispatch again\tnot_connected",
  "send\tnot_connected",
  "leave\tnot_connected",
  "wait\tnot_connected",
  "members\tnot_connected",
  "groups\tnot_connected",
  "address\ttrue",
  "close\ttrue",
  "open\tnot_connected",
  "done",
  "back",
}

-- Waits until that is the last line that a program has written.
local LUA = os.getenv("LUA"):match "%S+$"

local function expect(cluster, client, line)
  assert(cluster:wait_for(function() return client.lines[#client.lines] == line or client.exited end, 60, line))
  assert.equal(line, client.lines[#client.lines], table.concat(client.errors, "\n"))
end

it("regression: a leaving group that was activated again did not rejoin when its daemon was killed #slow", function()
  local cluster = assert(lab.start(1))
  finally(function() assert(cluster:stop()) end)
  local client = assert(cluster:run(1, { LUA, "spec/helpers/clients/rejoiner.lua" }))
  expect(cluster, client, "has left")
  assert(cluster:kill(1))
  client:write "dead\n"
  expect(cluster, client, "disconnected")
  assert(cluster:restart(1))
  expect(cluster, client, "joined")
  assert.equal(0, (assert(client:wait(60))))
end)

it("regression: a group with views reported the disconnect before queued events #slow", function()
  local cluster = assert(lab.start(1))
  finally(function() assert(cluster:stop()) end)
  local client = assert(cluster:run(1, { LUA, "spec/helpers/clients/view_backlog.lua", "3000" }))
  expect(cluster, client, "waiting")
  assert(cluster:kill(1))
  client:write "\n"
  expect(cluster, client, "disconnected\ttrue")
  assert.equal(0, (assert(client:wait(60))))
end)

describe("a cpg client whose daemon is killed #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)

  teardown(function() assert(cluster:stop()) end)

  local function live_through(argument)
    local client = assert(cluster:run(1, { LUA, "spec/helpers/clients/survivor.lua", argument }))
    expect(cluster, client, "ready")
    assert(cluster:kill(1))
    client:write "\n"
    expect(cluster, client, "done")
    assert(cluster:restart(1))
    client:write "\n"
    expect(cluster, client, "back")
    assert.equal(0, client:wait(60))
    assert.same(EXPECTED, client.lines)
  end

  it("fails at once in every call and works with a new handle", function() live_through "plain" end)

  it("fails also in a send that libcpg splits", function() live_through "split" end)

  it("fails in send alone although flow control was on", function()
    local sender = assert(cluster:run(1, { LUA, "spec/helpers/clients/sender.lua" }))
    assert(cluster:wait_for(function() return sender.lines[1] == "sending" end, 60))
    assert(cluster:kill(1))
    assert.equal(0, sender:wait(60))
    assert.equal("not_connected", sender.lines[2])
    assert(cluster:restart(1))
  end)
end)
