-- Groups of nodes in nginx when something fails.
local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster, app

local function start(env)
  app = nginx.node_app(cluster, 1, env)
  return app:children()
end

-- The pid of the worker that sends for the node, after it has run this command.
local function holder(command)
  local pid
  app:wait_for("the request to reach the holder", function()
    pid = app:request("8090/" .. command):match "^%d+$"
    return pid
  end)
  return pid
end

local function send_from_another(pid, text)
  local sender
  repeat
    sender = app:begin_request(("8090/send_unless?pid=%s&text=%s"):format(pid, text))
    app:wait_for("the request to be taken", function() return sender.exited or #app:find("sends " .. text) > 0 end)
  until not sender.exited
  return sender
end

-- The workers whose last change of members was the join of one that is running.
local function knowing_workers()
  local pids, runs, found = app:children(), {}, {}
  for _, pid in ipairs(pids) do
    runs[pid] = true
  end
  for _, pid in ipairs(pids) do
    local joined = app:find("^" .. pid .. " config %d+ left .* joined 1:(%d+)=join$")
    found[#found + 1] = runs[joined[#joined]] and pid or nil
  end
  return found
end

setup(function() cluster = assert(lab.start(2)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a group of nodes in nginx #slow", function()
  it("disconnects only the worker that is too slow", function()
    local pids = start()
    assert.equal("sent", app:request "8090/send?text=do%20hold_one")
    app:says("^%d+ holds$")
    local slow = app:find("^(%d+) holds$")[1]
    for _ = 1, 3 do
      assert.equal("true", app:request "8090/send_long?text=long&times=100000")
    end
    app:says("^%d+ message %S+ long$", 6)
    assert.equal("released", app:request "8090/release")
    app:says("^" .. slow .. " disconnected its handlers were too slow", 1)
    app:says("^" .. slow .. " config %d+ left  joined 1:%d+=join$", 2)
    assert.equal("sent", app:request "8090/send?text=back")
    app:says("^%d+ message %S+ back$", 3)
    for _, pid in ipairs(pids) do
      assert.equal(pid == slow and 1 or 0, #app:find("^" .. pid .. " disconnected"))
    end
  end)

  it("loses nothing of a burst that is larger than its memory while all workers are slow", function()
    start()
    assert.equal("sent", app:request "8090/send?text=do%20rest")
    app:says("^%d+ config")
    for _ = 1, 6 do
      assert.equal("true", app:request "8090/send_long?text=long&times=75000")
    end
    assert.equal("sent", app:request "8090/send?text=last")
    app:says("^%d+ message %S+ last$", 3)
    assert.same({}, app:find "^%d+ disconnected.*")
    assert.equal(18, #app:find "^%d+ message %S+ long$")
  end)

  it("disconnects no worker when its holder is killed after many events, although they are slow", function()
    local pids = start()
    for _ = 1, 8 do
      assert.equal("true", app:request "8090/send_long?text=long&times=75000")
    end
    app:says("^%d+ message %S+ long$", 24)
    local killed = holder "holder"
    assert.equal("sent", app:request "8090/send?text=do%20rest")
    app:signal("KILL", killed)
    for i = 1, 5 do
      assert.equal("sent", app:request("8090/send?text=" .. i))
    end
    for _, pid in ipairs(pids) do
      if pid ~= killed then app:says("^" .. pid .. " message %S+ 5$") end
    end
    assert.same({}, app:find "^%d+ disconnected.*")
  end)

  it("says when it is not certain that a message was sent", function()
    start()
    local pid = holder "stall"
    local sender = send_from_another(pid, "lost")
    app:signal("KILL", pid)
    assert.equal(0, (assert(sender:wait(20))))
    assert.matches("^uncertain: ", sender.lines[1])
    assert.equal("sent", app:request "8090/send?text=next")
    app:says("^%d+ message %S+ next$", 2)
  end)

  it("begins anew in all workers when all its members are killed", function()
    local pids = start()
    app:says("^%d+ config")
    local member = nginx.member(app, 2)
    local is_member, members, others = {}, {}, {}
    for pid in table.concat(member.lines, "\n"):gmatch "1:(%d+)" do is_member[pid] = true end
    for _, pid in ipairs(pids) do table.insert(is_member[pid] and members or others, pid) end
    local function signal(name, list) return ("kill -s %s %s"):format(name, table.concat(list, " ")) end
    -- All are paused meanwhile, so that no other worker takes the place of one that is killed first.
    local script = table.concat({ signal("STOP", pids), signal("KILL", members), signal("CONT", others) }, " && ")
    assert.equal(0, (assert(cluster:command(1, { "sh", "-c", script }))))
    for _, pid in ipairs(others) do
      app:says("^" .. pid .. " disconnected the workers that received for this node have ended", 1)
      app:says("^" .. pid .. " config %d+ left  joined 1:%d+=join$", 2)
    end
    app:wait_for("three workers to know a member that lives", function() return #knowing_workers() == 3 end)
    assert.equal("sent", app:request "8090/send?text=anew")
    app:says("^%d+ message %S+ anew$", 3)
  end)

  it("delivers messages while its holder is paused, and says that sending is uncertain", function()
    start()
    local pid = holder "holder"
    app:signal("STOP", pid)
    local sender = assert(cluster:run(2, { groups.interpreter, "-e", [[
      local group = require("corosync").group("spec", {})
      assert(group:activate())
      assert(group:send_message "hello")
    ]] }))
    assert.equal(0, (assert(sender:wait(20))), table.concat(sender.errors, "\n"))
    app:says("^%d+ message %S+ hello$", 2)
    assert.same({}, app:messages(pid))
    local _, response
    repeat -- until the kernel has chosen a worker that runs
      _, response = assert(cluster:command(1, { "curl", "-sS", "--max-time", "5",
        "http://127.0.0.1:8090/send?text=lost&timeout=1" }, 30))
    until response ~= ""
    assert.matches("^uncertain: ", response)
    app:signal("CONT", pid)
    app:says("^" .. pid .. " message %S+ hello$")
    assert.same({}, app:find "^%d+ disconnected.*")
    assert.equal(3, #app:find "^%d+ message %S+ hello$")
  end)

  it("goes on while workers end again and again", function()
    local survivor = start()[1]
    local member = nginx.member(app, 2)
    for i = 1, 10 do
      for _, pid in ipairs(app:children()) do
        if pid ~= survivor then app:signal("KILL", pid) end
      end
      assert.equal("sent", app:request(("8090/send?text=%d"):format(i)))
    end
    member:says(("message %s 10"):format(app:request "8090/address"))
    app:says("^" .. survivor .. " message %S+ 10$")
  end)

  it("is notified of a disconnect and rejoins after Corosync's restart", function()
    start()
    assert(cluster:kill(1))
    app:says("^%d+ disconnected .*has gone", 3)
    app:says("^%d+ sent not_connected$", 3)
    assert.matches("^not_connected: ", app:request "8090/send?text=meanwhile")
    assert(cluster:restart(1))
    nginx.node_joined(app, 6)
    assert.equal("sent", app:request "8090/send?text=back")
    app:says("^%d+ message %S+ back$", 3)
    assert.equal(3, #app:find "^%d+ disconnected")
  end)

  it("waits for Corosync when nginx starts first", function()
    assert(cluster:kill(1))
    app = nginx.start_node_app(cluster, 1)
    app:says("^%d+ disconnected .*Corosync is not running: start it", 3)
    assert(cluster:restart(1))
    nginx.node_joined(app, 3)
    assert.equal("sent", app:request "8090/send?text=hello")
    app:says("^%d+ message %S+ hello$", 3)
  end)

  it("leaves when nginx quits or stops", function()
    for _, signal in ipairs { "QUIT", "TERM" } do
      local pids = start()
      local member = nginx.member(app, 2)
      app:signal(signal)
      app:wait_for("nginx to end", function() return app.process.exited end)
      app:wait_for("the members to leave", function() return member.lines[#member.lines]:match "^members 2:%d+$" end)
      for _, line in ipairs(member.lines) do assert.is_nil(line:match "=procdown", line) end
      assert.equal(3, #pids)
      member:stop()
    end
  end)

  it("works in one process", function()
    app = nginx.start(cluster, 1, "node_alone.conf")
    nginx.node_joined(app, 1)
    assert.equal("sent", app:request "8090/send?count=3&text=alone")
    app:says("^%d+ message %S+ alone3$")
    assert(app.process:kill "sigterm")
    assert(app.process:wait(20))
  end)

  it("polls for events without a helper thread", function()
    start { SPEC_NO_THREADS = "yes" }
    assert.equal("sent", app:request "8090/send?count=3&text=polled")
    app:says("^%d+ message %S+ polled3$", 3)
  end)

  it("says what is missing", function()
    app = nginx.start(cluster, 1, "node_without_dict.conf")
    app:says "^nil cannot join group 'spec': .*add 'lua_shared_dict corosync 10m;' to the http block.* no_dict$"
    app = nginx.start(cluster, 1, "node_tiny.conf", nil, "pid /run/tiny.pid;")
    app:says "^nil cannot join group 'spec': lua_shared_dict 'corosync' has 32 kB, .* at least 64: .* no_memory$"
  end)

  it("disconnects all workers of a node, and logs it, when shared memory has no room for a message", function()
    app = nginx.start(cluster, 1, "node_small.conf")
    nginx.node_joined(app, 3)
    assert.matches("no_memory: .*lua_shared_dict 'corosync' has no room for %d+ bytes: make it larger",
      app:request "8090/send_long?text=x&times=300000")
    local sender = assert(cluster:run(2, { groups.interpreter, "-e", [[
      local group = require("corosync").group("spec", {})
      assert(group:activate())
      assert(group:send_message(("x"):rep(300000)))
    ]] }))
    assert.equal(0, (assert(sender:wait(20))), table.concat(sender.errors, "\n"))
    app:says("^%d+ disconnected shared memory had no room for an event", 3)
    app:says("lua_shared_dict 'corosync' has no room for", 1)
    nginx.node_joined(app, 6)
  end)
end)
