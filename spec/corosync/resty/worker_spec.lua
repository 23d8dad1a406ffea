local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local joined, sequences, assert_same_order = nginx.joined, nginx.sequences, nginx.assert_same_order

local cluster

local function start(node, env)
  return nginx.app(cluster, node, env)
end

local function is_gone(server, pid)
  return cluster:command(server.node, { "test", "-d", "/proc/" .. pid }) == 1
end

local function load(server, path, seconds)
  return assert(cluster:run(server.node, { "wrk", "-t1", "-c4", "-d" .. seconds .. "s", "http://127.0.0.1:" .. path }))
end

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("an nginx worker #slow", function()
  it("leaves its group and ends on reload under load, and the others deliver nothing twice", function()
    local app, other = start(1), start(2)
    local member = nginx.member(app, 3)
    local old, watchers = app:children(), other:children()
    local wrk = load(app, "8090/send?text=load", 2)
    app:says("^%d+ message %S+ load$", 100)
    app:signal "HUP"
    for _, pid in ipairs(old) do
      member:says(("left 1:%s=leave"):format(pid))
      app:wait_for("worker " .. pid .. " to end", function() return is_gone(app, pid) end)
    end
    local new = joined(app)
    assert.equal(0, (assert(wrk:wait(10))))
    local heard = sequences(app, "last",
      { { other, watchers[1] }, { other, watchers[2] }, { app, new[1] }, { app, new[2] } })
    assert.same(heard[1], heard[2])
    for i = 3, 4 do -- the new ones have heard the end of it
      local from = #heard[1] - #heard[i]
      for j, message in ipairs(heard[i]) do assert.equal(heard[1][from + j], message) end
    end
    assert.same({}, app:find "%[alert%]")
    for _, line in ipairs(member.lines) do assert.is_nil(line:match "=procdown", line) end
  end)

  it("that is killed leaves the group, and its successor is a new member", function()
    local app, other = start(1), start(2)
    local member = nginx.member(app, 3)
    local pids, watchers = app:children(), other:children()
    local wrk = load(app, "8090/send?text=load", 1)
    app:says("^%d+ message %S+ load$", 20)
    app:signal("KILL", pids[1])
    member:says(("left 1:%s=procdown"):format(pids[1]))
    app:says("worker process " .. pids[1] .. " exited on signal 9")
    local new = joined(app)
    assert(wrk:wait(10))
    local heard = sequences(app, "last", { { other, watchers[1] }, { other, watchers[2] }, { app, pids[2] } })
    assert.same(heard[1], heard[2])
    assert.same(heard[1], heard[3])
    assert.equal(2, #new)
    app:says(("^%%d+ config 4 left 1:%s=procdown joined $"):format(pids[1])) -- to the one that stayed
  end)

  it("leaves when nginx quits or stops", function()
    for _, signal in ipairs { "QUIT", "TERM" } do
      local app = start(1)
      local member = nginx.member(app, 3)
      local pids = app:children()
      app:signal(signal)
      for _, pid in ipairs(pids) do member:says(("left 1:%s=leave"):format(pid)) end
      assert.equal(0, (assert(app.process:wait(10))))
      member:stop()
    end
  end)

  it("is notified of a disconnect and rejoins after Corosync's restart", function()
    local app = start(1)
    assert(cluster:kill(1))
    app:says("^%d+ disconnected .*has gone", 2)
    app:says("^%d+ sent not_connected$", 2)
    assert.matches("^not_connected: ", app:request "8090/send?text=meanwhile")
    local before = #app:find "^%d+ config"
    assert(cluster:restart(1))
    app:says("^%d+ config", before + 2)
    joined(app)
    app:says("^%d+ config %d+ left  joined 1:%d+=join$", 3)
    assert.equal("sent", app:request "8090/send?text=back")
    app:says("^%d+ message %S+ back$", 2)
    assert.equal(2, #app:find "^%d+ disconnected")
  end)

  it("waits for Corosync when nginx starts first", function()
    assert(cluster:kill(1))
    local app = nginx.start_app(cluster, 1)
    app:says("^%d+ disconnected .*Corosync is not running: start it", 2)
    assert(cluster:restart(1))
    app:says("^%d+ config", 2)
    joined(app)
    assert.equal("sent", app:request "8090/send?text=hello")
  end)

  it("ends with nginx although Corosync is down", function()
    local app = start(1)
    assert(cluster:kill(1))
    app:says("^%d+ disconnected", 2)
    app:signal "QUIT"
    assert.equal(0, (assert(app.process:wait(10))))
    assert(cluster:restart(1))
  end)

  it("ends with nginx although Corosync is paused", function()
    local app = start(1)
    finally(function() assert(cluster:resume(1)) end)
    assert(cluster:pause(1))
    app:signal "QUIT"
    assert.equal(0, (assert(app.process:wait(60))))
  end)
end)

describe("a group without a helper thread #slow", function()
  local function check(app)
    local pids = app:children()
    for i = 1, 3 do assert.equal("sent", app:request("8090/send?count=20&text=" .. i .. "-")) end
    assert_same_order(sequences(app, "last", { { app, pids[1] }, { app, pids[2] } }))
    for _, pid in ipairs(pids) do
      local _, names = assert(cluster:command(1, { "sh", "-c", ("cat /proc/%s/task/*/comm"):format(pid) }))
      assert.equal("nginx\n", names)
    end
  end

  it("polls for events when the option says so", function()
    local app = start(1, { SPEC_POLL = "0.005" })
    check(app)
    assert.same({}, app:find "polls for events")
    local member = nginx.member(app, 3)
    local pids = app:children()
    app:signal "QUIT"
    for _, pid in ipairs(pids) do member:says(("left 1:%s=leave"):format(pid)) end
    assert.equal(0, (assert(app.process:wait(10))))
  end)

  it("polls for events and logs it when no thread can be started", function()
    local app = start(1, { SPEC_NO_THREADS = "yes" })
    check(app)
    app:says("group 'spec' polls for events every 10 ms: it was built without threads", 2)
  end)
end)
