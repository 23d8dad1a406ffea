-- Groups with the option pack in nginx.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster

local function start(node)
  return nginx.app(cluster, node, { SPEC_PACK = "yes" })
end

-- On a node without nginx.
local function start_member(app)
  return nginx.member(app, 3, "pack")
end

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a packed group in nginx #slow", function()
  it("delivers the messages of many requests to all workers, in one order", function()
    local app, other = start(1), start(2)
    nginx.request_at_once({ app, other }, "8090/send?count=2000", "sent")
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
    local app = start(1)
    local member = start_member(app)
    assert.equal("sent", app:request "8090/send?text=do%20hold") -- both workers do
    member:hears "do hold"
    assert.equal("sent", app:request "8090/send?count=5&text=meanwhile")
    member:hears "meanwhile5"
    app:request "8090/log"
    member:hears "from log"
    assert.equal("true", app:request "8090/send_long?text=long&times=500000")
    member:hears(("long"):rep(500000))
    assert.same({}, app:find "message %S+ do hold")
    assert.equal("released", app:request "8090/release")
    app:says("^%d+ message %S+ from log$", 2)
  end)

  it("sends in phases that cannot yield", function()
    local app = start(1)
    for i = 1, 3 do
      app:request "8090/log"
      app:says("^%d+ message %S+ from log$", 2 * i)
    end
    assert.same({ "true", "true", "true" }, app:find "^%d+ log flush (%a+)$")
  end)

  it("flushes short messages at once, and long ones without blocking its worker", function()
    local app = start(1)
    assert.equal("flushed", app:request "8090/flush?count=100&text=short&times=1")
    local flush = app:begin_request "8090/flush?count=2&text=x&times=20000000"
    repeat until app:request "8090/ping" == "pong" and #app:find "^%d+ message %S+ long$" > 0
    assert.equal(0, (assert(flush:wait(20))))
    assert.same({ "flushed" }, flush.lines)
    app:says("^%d+ message %S+ short$", 200)
  end)

  it("sends what waits in a frame when its worker leaves", function()
    local app = start(1)
    local member = start_member(app)
    assert.equal("sent", app:request "8090/send_and_leave?count=50&text=pending")
    member:hears "pending50"
    app:wait_for("the worker to leave", function() return member.lines[#member.lines]:find "^members" end)
    assert.matches("^left %S+=leave$", member.lines[#member.lines - 1])
  end)

  it("sends the rest of a long message when its worker leaves", function()
    local app = start(1)
    local member = start_member(app)
    assert.equal("true", app:request "8090/send_long_and_leave?text=long&times=500000")
    member:hears(("long"):rep(500000))
    app:wait_for("the worker to leave", function() return member.lines[#member.lines]:find "^members" end)
    assert.matches("^left %S+=leave$", member.lines[#member.lines - 1])
  end)

  it("delivers what a worker sent before it exits gracefully", function()
    local app = start(1)
    local member = start_member(app)
    assert.equal("sent", app:request "8090/send?count=50&text=last")
    app:signal "QUIT"
    member:hears "last50"
    assert.equal(0, (assert(app.process:wait(10))))
  end)
end)
