local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local sequences, assert_same_order = nginx.sequences, nginx.assert_same_order

local cluster

local function start(node, env)
  return nginx.app(cluster, node, env)
end

-- Clock ticks that a process has used.
local function ticks(server, pid)
  local _, stat = assert(cluster:command(server.node, { "cat", ("/proc/%s/stat"):format(pid) }))
  local user, system = stat:match "%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  return tonumber(user) + tonumber(system)
end

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a group in nginx #slow", function()
  it("delivers one order to all workers of all nodes, also when handlers yield", function()
    local app = start(1, { SPEC_HANDLERS = "sleep socket dict" })
    local other = start(2, { SPEC_HANDLERS = "socket sleep dict" })
    nginx.request_at_once({ app, other }, "8090/send?count=40", "sent")
    local heard = sequences(app, "last", nginx.workers(app, other))
    assert.equal(241, #heard[1])
    assert_same_order(heard)
    assert.equal("482", app:request "8090/count")
  end)

  it("continues in new light threads under load", function()
    local app = start(1)
    for part = 1, 3 do
      assert.equal("sent", app:request(("8090/send?count=3000&text=%d-"):format(part)))
    end
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(9001, #heard[1])
    assert_same_order(heard)
    -- One has 4000 rounds: each of the 9001 messages takes one, and perhaps one more to wait for it.
    local threads = tonumber((app:request "8090/threads"))
    assert.is_true(threads >= math.ceil(9001 / 4000), "too few: " .. threads)
    assert.is_true(threads <= math.ceil(2 * 9001 / 4000), "too many: " .. threads)
    assert.same({}, app:find "%[warn%].*")
    assert.same({}, app:find "%[error%].*")
  end)

  it("has one light thread at a time, even if it is activated while another takes over", function()
    local app = start(1, { SPEC_ACTIVATES = "yes", SPEC_PACK = "yes" })
    assert.equal("sent", app:request "8090/send?count=9000&text=m")
    app:says("^%d+ message %S+ m9000$", 2) -- the mark may be sent by the other worker
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.same({}, app:find "^%d+ disconnected.*")
    assert.equal(9001, #heard[1])
    assert_same_order(heard)
  end)

  it("sends more than Corosync accepts at once without blocking its worker", function()
    local app = start(1)
    local flood = app:begin_request "8090/flood?count=40"
    repeat until app:request "8090/ping" == "pong" and #app:find "^%d+ message" > 0
    assert.equal(0, (assert(flood:wait(20))))
    assert.same({ "sent" }, flood.lines)
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(161, #heard[1])
    assert_same_order(heard)
  end)

  for how, env in pairs { ["a helper thread"] = {}, ["looks at times"] = { SPEC_POLL = "0.01" } } do
    it("lets handlers send more than its window, with " .. how, function()
      local app = start(1, env)
      local pids = app:children()
      assert.equal("sent", app:request "8090/send?text=do%20burst") -- both workers do
      for _, pid in ipairs(pids) do app:says("^" .. pid .. " message %S+ burst 600$", 2) end
      local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
      assert.equal(1202, #heard[1])
      assert.same(heard[1], heard[2])
      assert.same({}, app:find "%[warn%].*")
    end)
  end

  it("lets requests send more than its window while a handler waits", function()
    local app = start(1)
    assert.equal("sent", app:request "8090/send?text=do%20rest")
    assert.equal("sent", app:request "8090/send?count=600&text=meanwhile")
    assert.same({}, app:find "message %S+ do rest")
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(602, #heard[1])
    assert.same(heard[1], heard[2])
  end)

  it("lets requests send more than may wait for its handlers, which run meanwhile", function()
    local app = start(1, { SPEC_READER_LIMIT = "4000000" })
    assert.equal("sent", app:request "8090/overfill?count=6000")
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(6002, #heard[1])
    assert.same({}, app:find "disconnected")
  end)

  it("fails with backlog when a handler sends more than that, and stays a member", function()
    local app = start(1, { SPEC_READER_LIMIT = "4000000" })
    assert.equal("sent", app:request "8090/send?text=do%20overdo") -- both workers do
    app:says("^%d+ overdone backlog$", 2)
    local pids = app:children()
    sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.same({}, app:find "disconnected")
  end)

  it("fails with backlog instead of waiting for a group whose handler waits for it", function()
    local app = nginx.start(cluster, 1, "mutual.conf")
    app:says "^handled 50$"
    assert.same({}, app:find "^failed.*")
  end)

  it("lets nginx handle other events after half a millisecond", function()
    local app = start(1, { SPEC_HANDLERS = "work" }) -- for a millisecond at each message
    assert.equal("sent", app:request "8090/send?count=200&text=x")
    app:says("^%d+ message %S+ x200$", 2)
    local rows = app:find "^%d+ row (%d+)$"
    assert.is_truthy(rows[1])
    for _, row in ipairs(rows) do assert.is_true(tonumber(row) <= 2, row .. " messages in a row") end
  end)

  it("uses no CPU while idle", function()
    local app = start(1)
    local pids, before = app:children(), {}
    for _, pid in ipairs(pids) do before[pid] = ticks(app, pid) end
    cluster:wait_for(function() return false end, 1)
    for _, pid in ipairs(pids) do
      assert.is_true(ticks(app, pid) - before[pid] <= 2)
    end
    assert.same({}, app:find "polls for events every")
    -- Nothing is left of the sockets.
    assert.not_equal(0, (assert(cluster:command(1, { "sh", "-c", "ls -d /run/corosync-????????????????" }))))
  end)

  it("reports a handler's error and handles the next event", function()
    local app = start(1, { SPEC_HANDLERS = "" })
    assert.equal("sent", app:request "8090/send?text=do%20raise")
    assert.equal("sent", app:request "8090/send?text=after")
    app:says("^%d+ message %S+ after$", 2)
    app:says("corosync: group 'spec': .*app.lua:%d+: as asked", 2)
    app:says("^stack traceback:", 2)
  end)

  it("leaves and rejoins on request", function()
    local app = start(1)
    local member = nginx.member(app, 3)
    -- The same worker: a connection that stays.
    local out = app:request("8090/leave", "http://127.0.0.1:8090/address", "http://127.0.0.1:8090/join",
      "http://127.0.0.1:8090/address")
    local left, first, rejoined, second = out:match "^(%S+)\n(%S+)\n(%S+)\n(%S+)$"
    assert.same({ "true", "true", first }, { left, rejoined, second }, out)
    member:says("left " .. first .. "=leave")
    member:says("message " .. first .. " joined anew")
    app:says("^" .. first:match ":(%d+)" .. " config .* joined " .. first .. "=join")
  end)

  it("rejects calls that would break its order, naming the reason", function()
    local app = start(1)
    local lines = {}
    for line in app:request("8090/refusals"):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal("exist", lines[1])
    assert.equal("dispatching", lines[2])
    assert.equal("dispatching", lines[3])
    assert.matches("app.lua:%d+: bad argument #2 'handlers' to 'group' %(unknown field 'message_recieved'",
      lines[4])
    assert.matches("app.lua:%d+: bad argument #3 'options' to 'group' %(unknown field 'pol': did you mean 'poll'%?%)",
      lines[5])
    assert.matches("app.lua:%d+: bad argument #1 'name' to 'group'", lines[6])
    assert.equal("timeout", lines[7])
    assert.matches("field 'poll': 0.001 to 86400 seconds expected, got 0", lines[8])
    assert.matches("app.lua:%d+: flush is a method: call it with a colon, as group:flush%(...%)$", lines[9])
    assert.equal("true", lines[10])
  end)

  it("sends without waiting in phases that cannot yield", function()
    local app = start(1)
    app:request "8090/log"
    app:says("^%d+ message %S+ from log$", 2)
    app:says "^%d+ log true$"
    app:says "^%d+ log wrong_phase$"
  end)
end)
