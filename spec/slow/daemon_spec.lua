-- A daemon that dies while it is used, and comes back.
local lab = require "corosync.lab"

local EXPECTED = {
  "ready",
  "in a fork\t0",
  "dispatch\tnot_connected\tcannot dispatch cpg: Corosync on this node has gone, and with it the connection: "
    .. "is it running? connect anew once it is",
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

describe("a client whose daemon dies", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)

  teardown(function() assert(cluster:stop()) end)

  local function live_through(argument)
    local client = assert(cluster:run(1, { os.getenv("LUA"):match "%S+$", "spec/support/survivor.lua", argument }))
    local function expect(line)
      assert(cluster:wait_for(function() return client.lines[#client.lines] == line or client.exited end, 10, line))
      assert.equal(line, client.lines[#client.lines], table.concat(client.errors, "\n"))
    end
    expect "ready"
    assert(cluster:kill(1))
    client:write "\n"
    expect "done"
    assert(cluster:restart(1))
    client:write "\n"
    expect "back"
    assert.equal(0, client:wait(5))
    assert.same(EXPECTED, client.lines)
  end

  it("hears of it at once from every call, and goes on with a new handle", function() live_through "plain" end)

  it("hears of it when it sends what libcpg splits, too", function() live_through "split" end)

  it("hears of it from send alone, although the daemon's flow control was on", function()
    local sender = assert(cluster:run(1, { os.getenv("LUA"):match "%S+$", "spec/support/sender.lua" }))
    assert(cluster:wait_for(function() return sender.lines[1] == "sending" end, 10))
    assert(cluster:kill(1))
    assert.equal(0, sender:wait(10))
    assert.equal("not_connected", sender.lines[2])
    assert(cluster:restart(1))
  end)
end)
