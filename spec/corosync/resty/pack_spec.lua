-- Groups with the option pack in nginx.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster, app, other, member

local function start(node)
  local server = nginx.app(cluster, node, { SPEC_PACK = "yes" })
  app = app or server
  return server
end

-- On a node without nginx.
local function start_member()
  member = nginx.member(app, 3, "pack")
end

local function member_hears(text)
  app:wait_for("the member to receive " .. text, function()
    for _, line in ipairs(member.lines) do
      if line:match "^message %S+ (.*)$" == text then return true end
    end
  end)
end

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)

after_each(function()
  nginx.clean()
  app, other, member = nil, nil, nil
end)

describe("a packed group in nginx #slow", function()
  it("delivers the messages of many requests to all workers, in one order", function()
    app, other = start(1), start(2)
    local clients = {}
    for _, server in ipairs { app, other } do
      for i = 1, 3 do
        clients[#clients + 1] = assert(cluster:run(server.node, { "curl", "-sS",
          ("http://127.0.0.1:8090/send?count=2000&text=%d-%d-"):format(server.node, i) }))
      end
    end
    for _, client in ipairs(clients) do
      assert.equal(0, (assert(client:wait(20))))
      assert.same({ "sent" }, client.lines)
    end
    local heard = nginx.sequences(app, "last", nginx.workers(app, other))
    assert.equal(12001, #heard[1])
    nginx.assert_same_order(heard)
    local numbers = {}
    for _, message in ipairs(heard[1]) do
      local sender, number = message:match "^%S+ (%d%-%d%-)(%d+)$"
      if sender then
        assert.equal((numbers[sender] or 0) + 1, tonumber(number))
        numbers[sender] = tonumber(number)
      end
    end
    assert.same({}, app:find "%[warn%].*")
    assert.same({}, app:find "%[error%].*")
  end)

  it("sends what requests have sent while a handler waits", function()
    app = start(1)
    start_member()
    assert.equal("sent", app:request "8090/send?text=do%20hold") -- both workers do
    member_hears "do hold"
    assert.equal("sent", app:request "8090/send?count=5&text=meanwhile")
    member_hears "meanwhile5"
    app:request "8090/log"
    member_hears "from log"
    assert.equal("true", app:request "8090/send_long?text=long&times=500000")
    member_hears(("long"):rep(500000))
    assert.same({}, app:find "message %S+ do hold")
    assert.equal("released", app:request "8090/release")
    app:says("^%d+ message %S+ from log$", 2)
  end)

  it("sends in phases that cannot yield", function()
    app = start(1)
    for i = 1, 3 do
      app:request "8090/log"
      app:says("^%d+ message %S+ from log$", 2 * i)
    end
    assert.same({ "true", "true", "true" }, app:find "^%d+ log flush (%a+)$")
  end)

  it("flushes short messages at once, and long ones without blocking its worker", function()
    app = start(1)
    assert.equal("flushed", app:request "8090/flush?count=100&text=short&times=1")
    local flush = assert(cluster:run(1, { "curl", "-sS", "http://127.0.0.1:8090/flush?count=2&text=x&times=20000000" }))
    repeat until app:request "8090/ping" == "pong" and #app:find "^%d+ message %S+ long$" > 0
    assert.equal(0, (assert(flush:wait(20))))
    assert.same({ "flushed" }, flush.lines)
    app:says("^%d+ message %S+ short$", 200)
  end)

  it("sends what waits in a frame when its worker leaves", function()
    app = start(1)
    start_member()
    assert.equal("sent", app:request "8090/send_and_leave?count=50&text=pending")
    member_hears "pending50"
    app:wait_for("the worker to leave", function() return member.lines[#member.lines]:find "^members" end)
    assert.matches("^left %S+=leave$", member.lines[#member.lines - 1])
  end)

  it("sends the rest of a long message when its worker leaves", function()
    app = start(1)
    start_member()
    assert.equal("true", app:request "8090/send_long_and_leave?text=long&times=500000")
    member_hears(("long"):rep(500000))
    app:wait_for("the worker to leave", function() return member.lines[#member.lines]:find "^members" end)
    assert.matches("^left %S+=leave$", member.lines[#member.lines - 1])
  end)

  it("delivers what a worker sent before it exits gracefully", function()
    app = start(1)
    start_member()
    assert.equal("sent", app:request "8090/send?count=50&text=last")
    app:signal "QUIT"
    member_hears "last50"
    assert.equal(0, (assert(app.process:wait(10))))
  end)
end)
