-- Replicas in nginx: three nodes, two workers each.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster
local count = 0

local function start(node, env)
  return nginx.start(cluster, node, "replica.conf", env)
end

-- Starts an nginx on each node, and waits until all workers are ready, from a node on.
local function start_all(env, from)
  local servers = {}
  count, env = count + 1, env or {}
  env.SPEC_NAME = "spec-" .. count
  for node = 1, 3 do servers[node] = start(node, env) end
  for node = from or 1, 3 do servers[node]:says("^%d+ ready$", 2) end
  return servers
end

local function path(command, text)
  return ("8090/%s?text=%s"):format(command, text)
end

describe("a replica in nginx #slow", function()
  setup(function() cluster = assert(lab.start { nodes = 3, token = 500 }) end)
  teardown(function() assert(cluster:stop()) end)
  after_each(function()
    nginx.clean()
    assert.equal(0, (cluster:command(1, { "rm", "-f", "/run/no-notes" })))
  end)

  it("lets requests of all workers submit, and all have the state", function()
    local servers = start_all()
    nginx.request_at_once(servers, "8090/submit?count=30", "submitted")
    local state = servers[1]:request "8090/state"
    assert.equal(270, select(2, state:gsub("%S+", "")))
    for node = 1, 3 do
      for _ = 1, 4 do assert.equal(state, servers[node]:request "8090/state") end
      assert.same({}, servers[node]:find "problem.*")
    end
  end)

  it("refuses to wait in its own functions and in phases that cannot wait; callbacks work there", function()
    local servers = start_all()
    assert.matches("^raised: .*a bad one", servers[1]:request(path("submit", "bad")))
    assert.matches("^%d+$", servers[1]:request(path("submit", "changed")))
    servers[1]:says("^%d+ inner dispatching$", 2)
    servers[1]:says("^%d+ callback result$", 2)
    servers[2]:request "8090/log"
    servers[2]:says "^%d+ log wrong_phase$"
    servers[2]:says "^%d+ logged result$"
    assert.matches("from log$", servers[3]:request "8090/state")
    assert.not_matches("never", servers[3]:request "8090/state")
  end)

  it("goes on while a function of the script waits", function()
    local servers = start_all()
    assert.matches("^%d+$", servers[1]:request(path("submit", "sleep")))
    assert.equal("pong", servers[1]:request "8090/ping")
    for _ = 1, 3 do assert.matches("^%d+$", servers[1]:request(path("submit", "next"))) end
  end)

  it("lets requests submit while the apply functions of several replicas wait", function()
    local servers = start_all()
    for _ = 1, 2 do assert.equal("submitted\nsubmitted", servers[1]:request "8090/overlap") end
  end)

  it("ends a request whose result is held up by a function of the script, and tells so", function()
    local servers = start_all()
    assert.matches("^uncertain: .*: no result came in time, because a function of the script holds up the replica's",
      servers[1]:request(path("submit", "long%20sleep")))
    -- Unlike a call at a place where the script cannot make it, this one is not reported.
    assert.same({}, servers[1]:find "^%d+ problem .*")
  end)

  it("is closed and reports it when nginx ends a function of the script", function()
    local servers = start_all()
    local ended = servers[1]:children()[1]
    assert.matches("^%d+$", servers[2]:request(path("submit", "exit%20" .. ended)))
    servers[1]:says("^" .. ended .. " suspended it is closed$")
    servers[1]:says("^" .. ended .. " problem a function of the script ended its light thread, as ngx.exit does: .*"
      .. "Replica 'spec%-%d+' is closed here")
    assert.matches("^%d+$", servers[2]:request(path("submit", "after")))
  end)

  it("keeps its state when nginx is reloaded on all nodes at once", function()
    local servers = start_all()
    for i = 1, 5 do assert.equal(tostring(i), servers[i % 3 + 1]:request(path("submit", "x"))) end
    for node = 1, 3 do servers[node]:signal "HUP" end
    for node = 1, 3 do servers[node]:says("exited with code 0$", 2) end
    for node = 1, 3 do servers[node]:says("^%d+ ready$", 4) end
    assert.equal("6", servers[1]:request(path("submit", "x")))
  end)

  it("leaves while the node's notes cannot be written, and comes back", function()
    assert.equal(0, (cluster:command(1, { "touch", "/run/no-notes" })))
    local servers = start_all({}, 2)
    servers[1]:says("^%d+ problem .* leaves its group until it can write its note", 2)
    assert.matches("^not_ready", servers[1]:request(path("submit", "early")))
    assert.equal(0, (cluster:command(1, { "rm", "/run/no-notes" })))
    servers[1]:says("^%d+ problem .* can write its note again$", 2)
    servers[1]:says("^%d+ ready$", 2)
    assert.matches("^%d+$", servers[1]:request(path("submit", "late")))
  end)

  it("ends submits when it is closed while it stays out of its group", function()
    assert.equal(0, (cluster:command(1, { "touch", "/run/no-notes" })))
    local servers = start_all({}, 2)
    servers[1]:says("^%d+ problem .* leaves its group until it can write its note", 2)
    assert.equal("closed", servers[1]:request "8090/close_while_waiting")
  end)

  it("has locks that are free when the light thread that waits for one is ended", function()
    local servers = start_all()
    for node = 1, 3 do assert.equal("1\ntrue", servers[node]:request "8090/lock") end
  end)

  it("works by polling, too", function()
    local servers = start_all { SPEC_POLL = "0.01" }
    assert.matches("^%d+$", servers[1]:request(path("submit", "polled")))
    assert.matches("polled$", servers[2]:request "8090/state")
  end)

  it("refuses wrong arguments", function()
    local servers = start_all()
    local said = servers[1]:request "8090/refusals"
    assert.matches("field 'storage': it cannot be used in nginx\n?", said)
    assert.matches("unknown field 'timeot'", said)
    assert.matches("#1 'name' to 'replica' %(string expected, got number%)", said)
    assert.matches("in nginx make a replica with corosync.resty", said)
    assert.matches("exist$", said)
  end)

  it("is left by a worker that exits, and told so when it closes", function()
    local servers = start_all()
    assert.equal("true\nclosed", servers[3]:request "8090/close")
    servers[2]:signal "QUIT"
    servers[2]:wait_for("nginx to end", function() return servers[2].process.exited end)
    assert.matches("^%d+$", servers[1]:request(path("submit", "after")))
  end)

  it("is suspended without a majority, and ready again", function()
    local servers = start_all()
    assert(cluster:kill(3))
    servers[3]:says("^%d+ suspended .", 2)
    assert.matches("^not_connected", servers[3]:request(path("submit", "away")))
    assert.matches("^%d+$", servers[1]:request(path("submit", "present")))
    assert(cluster:restart(3))
    servers[3]:says("^%d+ ready$", 4)
    assert.matches("present$", servers[3]:request "8090/state")
  end)
end)
