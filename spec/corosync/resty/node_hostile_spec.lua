-- Groups of nodes in nginx under unusual use.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster, app

local function run(code)
  return app:request("8091/", "--data-binary", code)
end

local function start(workers, env)
  app = nginx.start(cluster, 1, "node_groups.conf", env, ("worker_processes %d;"):format(workers))
end

local function start_and_join(workers)
  start(workers)
  for _, name in ipairs { "spec", "other" } do
    app:says(("^%%d+ %s config %%d+ 0 1$"):format(name), workers)
  end
end

setup(function() cluster = assert(lab.start(1)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a group of nodes in nginx #slow", function()
  it("raises for wrong arguments of a send, naming them", function()
    start_and_join(1)
    assert.matches("#1 to 'send_message' %(message is a boolean, and", run [[
      return select(2, pcall(app.groups.spec.send_message, app.groups.spec, true)) ]])
    assert.matches("#2 to 'send_message' %(invalid option 'safe': agreed or fifo expected%)", run [[
      return select(2, pcall(app.groups.spec.send_message, app.groups.spec, "x", "safe")) ]])
  end)

  it("shares its memory with other groups, and takes any bytes", function()
    start_and_join(3)
    run [[ app.groups.other:send_message "for the other" return app.groups.spec:send_message "a\0b" ]]
    run [[ return app.groups.spec:send_message { "raise" } ]]
    app:says("as asked", 3)
    local md5 = run [[ long = ("\0\1\2\3"):rep(250000) return ngx.md5(long) ]]
    assert.equal("true", run [[ return app.groups.spec:send_message(("\0\1\2\3"):rep(250000)) ]])
    assert.equal("true", run [[ return app.groups.spec:send_message "reply" ]])
    app:says("^%d+ spec message a%.b$", 3)
    app:says("^%d+ spec message 1000000 " .. md5 .. "$", 3)
    app:says("^%d+ spec replied true$", 3)
    app:says("^%d+ spec message reply of", 9)
    app:says("^%d+ other message for the other$", 3)
    assert.equal(3, #app:find "^%d+ other message")
    assert.same({}, app:find "^%d+ %a+ disconnected.*")
  end)

  it("loses nothing when four groups fill the dictionary at the same time", function()
    start(2, { SPEC_GROUPS = "third fourth" })
    for _, name in ipairs { "spec", "other", "third", "fourth" } do
      app:says(("^%%d+ %s config %%d+ 0 1$"):format(name), 2)
    end
    local code = [[
      local threads, refused = {}, 0
      for name, group in pairs(app.groups) do
        threads[#threads + 1] = ngx.thread.spawn(function()
          for i = 1, 100 do
            if not group:send_message(("%04d"):format(i) .. ("x"):rep(120000)) then refused = refused + 1 end
          end
          assert(group:send_message "last")
        end)
      end
      for _, thread in ipairs(threads) do assert(ngx.thread.wait(thread)) end
      return refused
    ]] -- 48 MB
    assert.equal("0", run(code))
    app:says("^%d+ %a+ message last$", 8)
    assert.equal(800, #app:find "^%d+ %a+ message 120004 %x+$")
    assert.same({}, app:find "^%d+ %a+ disconnected.*")
  end)

  it("sends for thousands of light threads of one worker at once, in bounded memory", function()
    start_and_join(2)
    local code = [[
      local sent, refused, threads = 0, 0, {}
      for i = 1, 6000 do
        threads[i] = ngx.thread.spawn(function()
          for _ = 1, 3 do
            local ok, _, code = app.groups.spec:send_message "count"
            if ok then sent = sent + 1 else refused = refused + (code == "backlog" and 1 or 1e9) end
          end
        end)
      end
      for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
      return sent + refused
    ]]
    assert.equal("18000", run(code))
    assert.equal("true", run [[ return app.groups.spec:send_message "after" ]])
    app:says("^%d+ spec message after$", 2)
    assert.is_true(tonumber(run [[ return ngx.shared.corosync:free_space() ]]) > 5 * 1024 * 1024)
  end)

  it("survives workers that leave and join at the same time", function()
    start_and_join(3)
    local code = [[
      local group = app.groups.spec
      for _ = 1, 5 do
        group:deactivate()
        ngx.sleep(math.random(20) / 1000)
        assert(group:activate())
        ngx.sleep(math.random(20) / 1000)
      end
      local ok, message = group:wait_for(function() return tostring(group):match "joined" end, 10)
      return ok or message
    ]]
    local clients = {}
    for i = 1, 6 do
      clients[i] = app:begin_request("8091/", "--data-binary", code)
    end
    for _, client in ipairs(clients) do
      assert.equal(0, (assert(client:wait(30))))
      assert.same({ "true" }, client.lines)
    end
    local sent = 0
    app:wait_for("a message to reach all workers", function() -- the last of them may just have left
      sent = sent + 1
      assert.equal("nil", run(("return (select(2, app.groups.spec:send_message 'together %d'))"):format(sent)))
      return #app:find("^%d+ spec message together " .. sent - 1 .. "$") == 3
    end)
  end)

  it("works beside another nginx on the same node with its own dictionary", function()
    local second = nginx.start(cluster, 1, "node.conf", nil, "worker_processes 2; pid /run/second.pid;")
    nginx.node_joined(second, 2)
    start_and_join(2)
    assert.equal("true", run [[ return app.groups.spec:send_message "hello" ]])
    app:says("^%d+ spec message hello$", 2)
    second:says("^%d+ message %S+ hello$", 2)
    assert.equal("sent", second:request "8090/send?text=back")
    app:says("^%d+ spec message back$", 2)
    second:says("^%d+ message %S+ back$", 2)
    app:signal "QUIT"
    app:wait_for("nginx to end", function() return app.process.exited end)
    assert.equal("sent", second:request "8090/send?text=alone")
    second:says("^%d+ message %S+ alone$", 2)
    assert.same({}, second:find "^%d+ disconnected.*")
  end)

  it("goes on in the new master's workers when nginx is upgraded, and polls without a directory for sockets", function()
    app = nginx.start(cluster, 1, "node_groups.conf", { SPEC_DIRECTORY = "/sys" },
      "worker_processes 2; daemon on; env LUA_PATH; env LUA_CPATH; env SPEC_DIRECTORY;")
    app:says("^%d+ spec config 1 0 1$", 2)
    local old, master = app:children(), app:master()
    app:signal "USR2"
    app:says("^%d+ spec config 1 0 1$", 4)
    assert.equal("true", run [[ return app.groups.spec:send_message "both" ]])
    app:says("^%d+ spec message both$", 4)
    app:signal("QUIT", master)
    for _, pid in ipairs(old) do
      app:wait_for("worker " .. pid .. " to end", function()
        return cluster:command(1, { "test", "-d", "/proc/" .. pid }) == 1
      end, 30)
    end
    assert.equal("true", run [[ return app.groups.spec:send_message "new" ]])
    app:says("^%d+ spec message new$", 2)
    assert.same({}, app:find "^%d+ spec disconnected.*")
    app:says("group 'spec' polls for events every 10 ms: cannot make a socket in /sys: ", 1)
    app:signal "QUIT"
    app:wait_for("nginx to end", function() return cluster:command(1, { "test", "-e", "/run/nginx.pid" }) == 1 end)
  end)

  it("keeps nothing in its memory of workers that have ended or were killed", function()
    start_and_join(2)
    local count = [[
      local members = 0
      for _, key in ipairs(ngx.shared.corosync:get_keys(0)) do
        members = members + (key:find ":member:" and 1 or 0)
      end
      return members
    ]]
    assert.equal("4", run(count)) -- two of each group
    for _, pid in ipairs(app:children()) do app:signal("KILL", pid) end
    app:says("^%d+ other config 1 0 1$", 4)
    app:signal "HUP"
    app:says("^%d+ other config 1 0 1$", 6)
    app:wait_for("the members that have ended to be forgotten", function() return run(count) == "4" end)
  end)

  it("fails when its memory is full", function()
    start(1, { SPEC_FILL = "yes" })
    app:says "made cannot join group 'spec': lua_shared_dict 'corosync' has no room for %d+ bytes: make it larger"
  end)
end)
