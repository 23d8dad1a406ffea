-- Real nginxes, with two workers each, in the nodes of a lab.
local uv = require "luv"
local groups = require "spec.support.groups"
local lab = require "corosync.lab"
local nginx = require "spec.support.nginx"

local unpack = table.unpack or unpack -- luacheck: ignore 113

local cluster, app, other, member
local keep = false -- what runs, for the next spec

local function wait_for(what, predicate, seconds)
  app:wait_for(what, predicate, seconds)
end

local function start_member()
  member = assert(cluster:run(3, groups.member_argv "spec"))
  wait_for("the member to join", function() return member.lines[2] end)
end

local function member_says(line)
  wait_for("the member to say '" .. line .. "'", function() return groups.has_line(member, line) end)
end

-- The workers of an nginx, all of which are members.
local function joined(server, count)
  server:wait_for("the workers of node " .. server.node .. " to join", function()
    local pids = server:children()
    for _, pid in ipairs(pids) do
      if not server:find("^" .. pid .. " config .* joined .*(" .. server.node .. ":" .. pid .. "=join)")[1] then
        return false
      end
    end
    return #pids == (count or 2)
  end)
  return server:children()
end

local function start(node, env)
  local server = nginx.app(cluster, node, env)
  app = app or server
  server:says("^%d+ config", 2)
  joined(server)
  return server
end

local function is_gone(server, pid)
  return cluster:command(server.node, { "test", "-d", "/proc/" .. pid }) == 1
end

-- Sends a last message, waits until these workers have heard it, and answers what each has heard.
local function sequences(sender, mark, workers)
  assert.equal("sent", sender:request("8090/send?text=" .. mark))
  local heard = {}
  for _, each in ipairs(workers) do
    local server, pid = each[1], each[2]
    server:says(("^%s message %%S+ %s$"):format(pid, mark))
    heard[#heard + 1] = server:messages(pid)
  end
  return heard
end

local function assert_same_order(heard)
  for i = 2, #heard do
    assert.same(heard[1], heard[i])
  end
  local seen = {}
  for _, message in ipairs(heard[1]) do
    assert.is_nil(seen[message], message)
    seen[message] = true
  end
end

local function load(server, path, seconds)
  return assert(cluster:run(server.node, { "wrk", "-t1", "-c4", "-d" .. seconds .. "s", "http://127.0.0.1:" .. path }))
end

-- Clock ticks that a process has used.
local function ticks(server, pid)
  local _, stat = assert(cluster:command(server.node, { "cat", ("/proc/%s/stat"):format(pid) }))
  local user, system = stat:match "%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  return tonumber(user) + tonumber(system)
end

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)

after_each(function()
  if not keep then
    nginx.clean()
  end
  if member and not member.exited then
    member:kill "sigkill"
    assert(member:wait(5))
  end
  app, other, member = nil, nil, nil
end)

describe("a group in nginx", function()
  it("gives all workers of all nodes the same order, to handlers that yield", function()
    app = start(1, { SPEC_HANDLERS = "sleep socket dict" })
    other = start(2, { SPEC_HANDLERS = "socket sleep dict" })
    local clients = {}
    for _, server in ipairs { app, other } do
      for i = 1, 3 do
        clients[#clients + 1] = assert(cluster:run(server.node, { "curl", "-sS",
          ("http://127.0.0.1:8090/send?count=40&text=%d-%d-"):format(server.node, i) }))
      end
    end
    for _, client in ipairs(clients) do
      assert.equal(0, (assert(client:wait(10))))
      assert.same({ "sent" }, client.lines)
    end
    local workers = {}
    for _, server in ipairs { app, other } do
      for _, pid in ipairs(server:children()) do workers[#workers + 1] = { server, pid } end
    end
    local heard = sequences(app, "last", workers)
    assert.equal(241, #heard[1])
    assert_same_order(heard)
    assert.equal("482", app:request "8090/count")
  end)

  it("goes on in new light threads, under load", function()
    app = start(1)
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

  it("sends more than Corosync takes at once, while its worker goes on", function()
    app = start(1)
    local flood = assert(cluster:run(1, { "curl", "-sS", "http://127.0.0.1:8090/flood?count=40" }))
    repeat until app:request "8090/ping" == "pong" and #app:find "^%d+ message" > 0
    assert.equal(0, (assert(flood:wait(20))))
    assert.same({ "sent" }, flood.lines)
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(161, #heard[1])
    assert_same_order(heard)
  end)

  for how, env in pairs { ["a helper thread"] = {}, ["looks at times"] = { SPEC_POLL = "0.01" } } do
    it("has handlers that send more than may be on the way, with " .. how, function()
      app = start(1, env)
      local pids = app:children()
      assert.equal("sent", app:request "8090/send?text=do%20burst") -- both workers do
      for _, pid in ipairs(pids) do app:says("^" .. pid .. " message %S+ burst 600$", 2) end
      local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
      assert.equal(1202, #heard[1])
      assert.same(heard[1], heard[2])
      assert.same({}, app:find "%[warn%].*")
    end)
  end

  it("sends from requests more than may be on the way while a handler waits", function()
    app = start(1)
    assert.equal("sent", app:request "8090/send?text=do%20rest")
    assert.equal("sent", app:request "8090/send?count=600&text=meanwhile")
    assert.same({}, app:find "message %S+ do rest")
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(602, #heard[1])
    assert.same(heard[1], heard[2])
  end)

  it("sends from requests more than may wait for its handlers, which do so meanwhile", function()
    app = start(1, { SPEC_READER_LIMIT = "4000000" })
    assert.equal("sent", app:request "8090/overfill?count=6000")
    local pids = app:children()
    local heard = sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.equal(6002, #heard[1])
    assert.same({}, app:find "disconnected")
  end)

  it("has a handler that sends more than that fail with backlog, and stays a member", function()
    app = start(1, { SPEC_READER_LIMIT = "4000000" })
    assert.equal("sent", app:request "8090/send?text=do%20overdo") -- both workers do
    app:says("^%d+ overdone backlog$", 2)
    local pids = app:children()
    sequences(app, "last", { { app, pids[1] }, { app, pids[2] } })
    assert.same({}, app:find "disconnected")
  end)

  it("rests when nothing happens", function()
    app = start(1)
    local pids, before = app:children(), {}
    for _, pid in ipairs(pids) do before[pid] = ticks(app, pid) end
    cluster:wait_for(function() return false end, 1)
    for _, pid in ipairs(pids) do
      assert.is_true(ticks(app, pid) - before[pid] <= 2)
    end
    assert.same({}, app:find "looks for events every")
    -- Nothing is left of the sockets.
    assert.not_equal(0, (assert(cluster:command(1, { "sh", "-c", "ls -d /run/corosync-????????????????" }))))
  end)

  it("reports a handler's error, and handles the next event", function()
    app = start(1, { SPEC_HANDLERS = "" })
    assert.equal("sent", app:request "8090/send?text=do%20raise")
    assert.equal("sent", app:request "8090/send?text=after")
    app:says("^%d+ message %S+ after$", 2)
    app:says("corosync: group 'spec': .*app.lua:%d+: as asked", 2)
    app:says("^stack traceback:", 2)
  end)

  it("leaves and joins when it is told to", function()
    app = start(1)
    start_member()
    -- The same worker: a connection that stays.
    local out = app:request("8090/leave", "http://127.0.0.1:8090/address", "http://127.0.0.1:8090/join",
      "http://127.0.0.1:8090/address")
    local left, first, rejoined, second = out:match "^(%S+)\n(%S+)\n(%S+)\n(%S+)$"
    assert.same({ "true", "true", first }, { left, rejoined, second }, out)
    member_says("left " .. first .. "=leave")
    member_says("message " .. first .. " joined anew")
    app:says("^" .. first:match ":(%d+)" .. " config .* joined " .. first .. "=join")
  end)

  it("refuses what would break its order, and names what is wrong", function()
    app = start(1)
    local lines = {}
    for line in app:request("8090/refusals"):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal("exist", lines[1])
    assert.equal("dispatching", lines[2])
    assert.equal("dispatching", lines[3])
    assert.matches("app.lua:%d+: bad argument #2 'handlers' to 'group' %(unknown field 'message_recieved'",
      lines[4])
    assert.matches("app.lua:%d+: bad argument #3 'options' to 'group' %(field 'pol': unknown%)", lines[5])
    assert.matches("app.lua:%d+: bad argument #1 'name' to 'group'", lines[6])
    assert.equal("timeout", lines[7])
    assert.matches("field 'poll': 0.001 to 86400 seconds expected, got 0", lines[8])
    assert.equal("true", lines[9])
  end)

  it("sends without waiting where nothing can wait", function()
    app = start(1)
    app:request "8090/log"
    app:says("^%d+ message %S+ from log$", 2)
    app:says "^%d+ log true$"
    app:says "^%d+ log wrong_phase$"
  end)
end)

describe("a worker", function()
  it("leaves its group and ends when nginx reloads under load, and no other hears anything twice", function()
    app, other = start(1), start(2)
    start_member()
    local old, watchers = app:children(), other:children()
    local wrk = load(app, "8090/send?text=load", 2)
    app:says("^%d+ message %S+ load$", 100)
    app:signal "HUP"
    for _, pid in ipairs(old) do
      member_says(("left 1:%s=leave"):format(pid))
      wait_for("worker " .. pid .. " to end", function() return is_gone(app, pid) end)
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

  it("that is killed is missed, and its successor is a new member", function()
    app, other = start(1), start(2)
    start_member()
    local pids, watchers = app:children(), other:children()
    local wrk = load(app, "8090/send?text=load", 1)
    app:says("^%d+ message %S+ load$", 20)
    app:signal("KILL", pids[1])
    member_says(("left 1:%s=procdown"):format(pids[1]))
    app:says("worker process " .. pids[1] .. " exited on signal 9")
    local new = joined(app)
    assert(wrk:wait(10))
    local heard = sequences(app, "last", { { other, watchers[1] }, { other, watchers[2] }, { app, pids[2] } })
    assert.same(heard[1], heard[2])
    assert.same(heard[1], heard[3])
    assert.equal(2, #new)
    app:says(("^%%d+ config 4 left 1:%s=procdown joined $"):format(pids[1])) -- to the one that stayed
  end)

  it("leaves when nginx quits, and when it stops at once", function()
    for _, signal in ipairs { "QUIT", "TERM" } do
      app = start(1)
      start_member()
      local pids = app:children()
      app:signal(signal)
      for _, pid in ipairs(pids) do member_says(("left 1:%s=leave"):format(pid)) end
      assert.equal(0, (assert(app.process:wait(10))))
      member:kill "sigkill"
      assert(member:wait(5))
    end
  end)

  it("hears when Corosync has gone, and joins again when it is back", function()
    app = start(1)
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

  it("waits for Corosync when nginx is started first", function()
    assert(cluster:kill(1))
    app = nginx.app(cluster, 1)
    app:says("^%d+ disconnected .*Corosync is not running: start it", 2)
    assert(cluster:restart(1))
    app:says("^%d+ config", 2)
    joined(app)
    assert.equal("sent", app:request "8090/send?text=hello")
  end)

  it("ends when nginx does although Corosync has gone", function()
    app = start(1)
    assert(cluster:kill(1))
    app:says("^%d+ disconnected", 2)
    app:signal "QUIT"
    assert.equal(0, (assert(app.process:wait(10))))
    assert(cluster:restart(1))
  end)
end)

describe("without a helper thread", function()
  local function check()
    local pids = app:children()
    for i = 1, 3 do assert.equal("sent", app:request("8090/send?count=20&text=" .. i .. "-")) end
    assert_same_order(sequences(app, "last", { { app, pids[1] }, { app, pids[2] } }))
    for _, pid in ipairs(pids) do
      local _, names = assert(cluster:command(1, { "sh", "-c", ("cat /proc/%s/task/*/comm"):format(pid) }))
      assert.equal("nginx\n", names)
    end
  end

  it("a group looks for events by itself, as the option says", function()
    app = start(1, { SPEC_POLL = "0.005" })
    check()
    assert.same({}, app:find "looks for events")
    start_member()
    local pids = app:children()
    app:signal "QUIT"
    for _, pid in ipairs(pids) do member_says(("left 1:%s=leave"):format(pid)) end
    assert.equal(0, (assert(app.process:wait(10))))
  end)

  it("a group does so, and says it, where none can be started", function()
    app = start(1, { SPEC_NO_THREADS = "yes" })
    check()
    app:says("group 'spec' looks for events every 10 ms: it was built without threads", 2)
  end)
end)

describe("init_by_lua", function()
  it("is told that it is too early", function()
    app = nginx.start(cluster, 1, uv.cwd() .. "/spec/support/nginx", "init_phase.conf")
    app:says "^nil cannot join group 'early': init_by_lua runs in the master process, .*init_worker_by_lua wrong_phase$"
  end)
end)

describe("the example of a cache", function()
  local KEYS = 10
  local servers

  -- Several changes, one after another, in one curl: pairs of key and value.
  local function start_putting(server, changes)
    local argv = { "curl", "-sS" }
    for i, change in ipairs(changes) do
      for _, word in ipairs { i > 1 and "--next" or "--fail", "-X", "PUT", "--data", tostring(change[2]),
        "http://127.0.0.1:8080/key" .. change[1] } do
        argv[#argv + 1] = word
      end
    end
    return assert(cluster:run(server.node, argv))
  end

  local function put(server, key, value)
    return server:request("8080/key" .. key, "-X", "PUT", "--data", tostring(value))
  end

  local function get(server, key)
    local out = server:request("8080/key" .. key, "-D", "-")
    return out:match "\r\n\r\n(.*)$", out:match "X%-Cache: (%a+)"
  end

  local function start_cache(node)
    local server = nginx.start(cluster, node, uv.cwd() .. "/examples/nginx", "nginx.conf")
    servers[node] = server
    server:says(" uses the cache", 2)
  end

  local function forgotten(server)
    local by_worker = {}
    for _, line in ipairs(server.lines) do
      local pid, key = line:match " (%d+)#%d+: .*forgot (%S+),"
      if pid then
        by_worker[pid] = by_worker[pid] or {}
        table.insert(by_worker[pid], key)
      end
    end
    return by_worker
  end

  setup(function()
    servers, keep = {}, true
    local origin = nginx.start(cluster, 1, uv.cwd() .. "/spec/support/nginx", "origin.conf")
    origin:says "start worker process"
    for node = 1, 3 do start_cache(node) end
  end)
  teardown(function()
    keep = false
    nginx.clean()
  end)

  -- Whatever is cached anywhere now is what the origin has.
  local function assert_fresh(values)
    local urls, expected = {}, {}
    for key = 0, KEYS - 1 do
      urls[key + 1], expected[key + 1] = "http://127.0.0.1:8080/key" .. key, values[key] .. " "
    end
    for _, server in pairs(servers) do
      local out = server:request("8080/key0", "-w", " ", unpack(urls))
      assert.equal(expected[1] .. table.concat(expected), out)
    end
  end

  local function assert_forgotten_in_order(count)
    local first
    for node, server in ipairs(servers) do
      server:says(" forgot ", 2 * count)
      local workers = 0
      for _, keys in pairs(forgotten(server)) do
        first, workers = first or keys, workers + 1
        assert.same(first, keys, "node " .. node)
      end
      assert.equal(2, workers)
    end
    assert.equal(count, #first)
  end

  it("is emptied in one order on all nodes under load, and never stays stale", function()
    local loads, clients, values, each = {}, {}, {}, 40
    for node = 1, 3 do
      loads[node] = assert(cluster:run(node, { "wrk", "-t1", "-c4", "-d3s", "-s", "spec/support/nginx/keys.lua",
        "http://127.0.0.1:8080" }))
    end
    for node = 1, 3 do -- each node changes keys of its own, so that it is known which change is the last
      local changes = {}
      for i = 1, each do
        local key = (i * 3 + node) % 9
        changes[i], values[key] = { key, node * 1000 + i }, node * 1000 + i
      end
      clients[node] = start_putting(servers[node], changes)
    end
    values[9] = 0
    for node = 1, 3 do
      assert.equal(0, (assert(clients[node]:wait(20))))
      assert.equal(("changed\n"):rep(each), table.concat(clients[node].lines, "\n") .. "\n")
    end
    for _, wrk in ipairs(loads) do
      assert.equal(0, (assert(wrk:wait(15))))
      assert.is_nil(table.concat(wrk.lines, "\n"):match "Non%-2xx")
    end
    assert_forgotten_in_order(3 * each)
    assert_fresh(values)
    assert.equal("hit", (select(2, get(servers[1], 4))))
  end)

  local function change_at_origin(key, value) -- and nobody is told
    local code = cluster:command(1, { "curl", "-sS", "-X", "PUT", "--data", value, "http://10.9.0.1:8081/key" .. key })
    assert.equal(0, code)
  end

  it("starts empty after a worker was killed", function()
    local server = servers[2]
    assert.equal("changed", put(server, 1, "old"))
    server:wait_for("a hit", function() return select(2, get(server, 1)) == "hit" end)
    change_at_origin(1, "new")
    assert.same({ "old", "hit" }, { get(server, 1) })
    local said = #server:find " uses the cache"
    server:signal("KILL", server:children()[1])
    server:says(" uses the cache", said + 3) -- two of the one that stays, one of the new one
    assert.equal("new", (get(server, 1)))
  end)

  it("starts empty after Corosync was away, and is not used meanwhile", function()
    local server = servers[3]
    assert.equal("changed", put(server, 2, "old"))
    server:wait_for("a hit", function() return select(2, get(server, 2)) == "hit" end)
    assert(cluster:kill(3))
    server:says("does not use the cache: ", 2)
    for _ = 1, 3 do assert.same({ "old", "miss" }, { get(server, 2) }) end
    change_at_origin(2, "new")
    assert.equal("new", (get(server, 2)))
    local said = #server:find " uses the cache"
    assert(cluster:restart(3))
    server:says(" uses the cache", said + 2)
    assert.equal("new", (get(server, 2)))
    server:wait_for("a hit", function() return select(2, get(server, 2)) == "hit" end)
  end)

  it("is not used where no majority is, and starts empty when the network is whole again", function()
    local server, said = servers[2], {}
    assert.equal("changed", put(server, 3, "old"))
    assert(cluster:partition({ 2 }, { 1, 3 }))
    server:says("does not use the cache, ", 2)
    for node, each in ipairs(servers) do said[node] = #each:find " uses the cache" end
    assert.equal("changed", put(servers[1], 3, "new"))
    assert(cluster:heal())
    for node, each in ipairs(servers) do each:says(" uses the cache", said[node] + 2) end
    for _, each in ipairs(servers) do assert.equal("new", (get(each, 3))) end
  end)

  it("is shown whole in the guide", function()
    local function read(path)
      local file = assert(io.open(path))
      local text = file:read "*a"
      file:close()
      return text
    end
    local guide = read "docs/openresty.md"
    for _, path in ipairs { "examples/nginx/nginx.conf", "examples/nginx/cache.lua" } do
      local kind = path:match "(%a+)$":gsub("conf", "nginx")
      assert.truthy(guide:find(("\n```%s\n%s```\n"):format(kind, read(path)), 1, true), path)
    end
  end)
end)

describe("the example of a cache without a quorum provider", function()
  it("is not used, and says why", function()
    local unprovided = assert(lab.start { nodes = 1, quorum = false })
    finally(function()
      nginx.clean()
      assert(unprovided:stop())
    end)
    nginx.start(unprovided, 1, uv.cwd() .. "/spec/support/nginx", "origin.conf"):says "start worker process"
    local server = nginx.start(unprovided, 1, uv.cwd() .. "/examples/nginx", "nginx.conf")
    server:says("does not use the cache: Corosync has no quorum provider", 2)
    assert.matches("Corosync has no quorum provider", server:request("8080/key0", "-X", "PUT", "--data", "x"), 1, true)
    assert.same({}, server:find " uses the cache")
  end)
end)
