-- A daemon that dies while it is used, and comes back.
local lab = require "corosync.lab"

local EXPECTED = {
  "ready",
  "in a fork\t0",
  "dispatch\tnot_connected\tcannot dispatch cpg: Corosync on this node has gone, and with it the connection: "
    .. "see its log for why",
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

-- What Corosync keeps of a node's last ring is its seq, 8 bytes. The next one is 5 more here.
local SET_SEQ = [[printf '%s' >/run/state/ringid_1]]
local TELL_SEQ = [[
for name, kind in pairs { cpg = "ring", quorum = "quorum", votequorum = "nodelist" } do
  local handle = assert(require("corosync." .. name).open {})
  assert(handle[name == "cpg" and "join" or "track"](handle, name == "cpg" and "seq" or nil))
  local event
  repeat
    handle:wait(10)
    event = { handle:receive() }
  until event[1] == kind
  local ring = event[name == "cpg" and 2 or name == "quorum" and 4 or 3]
  print(ring.node, tostring(ring.seq == tonumber(ring.seq) and ("%d"):format(ring.seq) or ring.seq))
end]]
local LUA = os.getenv("LUA"):match "%S+$"

local function start_at(cluster, seq)
  assert(cluster:kill(1))
  assert.equal(0, cluster:command(1, { "sh", "-c", SET_SEQ:format(seq) }))
  assert(cluster:restart(1))
end

describe("a ring's seq", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)

  for _, case in ipairs {
    { name = "2^53", bytes = [[\0\0\0\0\0\0\40\0]], hex = "20000000000005",
      text = math.type and "9007199254740997" or "00009007199254740997" },
    { name = "2^63", bytes = [[\0\0\0\0\0\0\0\200]], hex = "8000000000000005", text = "09223372036854775813" },
    { name = "2^64", bytes = [[\0\377\377\377\377\377\377\377]], hex = "ffffffffffffff05",
      text = "18446744073709551365" },
  } do
    it("about " .. case.name .. " is exact from every library, and of views, histories and the status", function()
      start_at(cluster, case.bytes)
      local _, status = cluster:command(1, { "corosync-quorumtool", "-s" })
      assert.matches("Ring ID: +1%." .. case.hex .. "\n", status)
      local code, out, err = cluster:command(1, { LUA, "-e", TELL_SEQ })
      assert.equal(0, code, err)
      assert.equal(("1\t%s\n"):format(case.text):rep(3), out)
      local viewer = assert(cluster:run(1, { LUA, "spec/support/viewer.lua", "seq" }))
      viewer:write "join\n"
      assert(cluster:wait_for(function() return viewer.lines[2] or viewer.exited end, 10, "a view"))
      assert.matches("^view ring=1:" .. case.text .. " nodes=1 quorate=true ", viewer.lines[2],
        1, table.concat(viewer.errors, "\n"))
      viewer:kill "sigkill"
      assert(viewer:wait(5))
      local host = assert(cluster:run(1, { "env", "CPGRUN_HISTORY=/run", "cpgrun", "examples/status.lua" }))
      local shown = case.text:find "^%d" and (#case.text < 20 and case.hex or case.text:gsub("^0+", ""))
      assert(cluster:wait_for(function()
        return table.concat(host.lines, "\n"):find("totem: ring 1." .. shown, 1, true) or host.exited
      end, 10, "the status"))
      assert.is_nil(host.exited or nil, table.concat(host.errors, "\n"))
      host:kill "sigkill"
      assert(host:wait(5))
      _, out = cluster:command(1, { "sh", "-c", "grep -h ^ring /run/*.history; rm /run/*.history" })
      assert.equal(("ring 1:%s\n"):format((case.text:gsub("^0+", ""))), out)
    end)
  end
end)

-- Waits until that is the last line that a program has written.
local function expect(cluster, client, line)
  assert(cluster:wait_for(function() return client.lines[#client.lines] == line or client.exited end, 20, line))
  assert.equal(line, client.lines[#client.lines], table.concat(client.errors, "\n"))
end

it("a group that is to join again as soon as it has left does so when the daemon went in between", function()
  local cluster = assert(lab.start(1))
  finally(function() assert(cluster:stop()) end)
  local client = assert(cluster:run(1, { os.getenv("LUA"):match "%S+$", "spec/support/rejoiner.lua" }))
  expect(cluster, client, "has left")
  assert(cluster:kill(1))
  client:write "dead\n"
  expect(cluster, client, "disconnected")
  assert(cluster:restart(1))
  expect(cluster, client, "joined")
  assert.equal(0, (assert(client:wait(10))))
end)

it("a group with views tells all that it has before it tells that the daemon has gone", function()
  local cluster = assert(lab.start(1))
  finally(function() assert(cluster:stop()) end)
  local client = assert(cluster:run(1, { os.getenv("LUA"):match "%S+$", "spec/support/backlog.lua", "3000" }))
  expect(cluster, client, "waiting")
  assert(cluster:kill(1))
  client:write "\n"
  expect(cluster, client, "disconnected\ttrue")
  assert.equal(0, (assert(client:wait(10))))
end)

describe("a client whose daemon dies", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)

  teardown(function() assert(cluster:stop()) end)

  local function live_through(argument)
    local client = assert(cluster:run(1, { os.getenv("LUA"):match "%S+$", "spec/support/survivor.lua", argument }))
    expect(cluster, client, "ready")
    assert(cluster:kill(1))
    client:write "\n"
    expect(cluster, client, "done")
    assert(cluster:restart(1))
    client:write "\n"
    expect(cluster, client, "back")
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
