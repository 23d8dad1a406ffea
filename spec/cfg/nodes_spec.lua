-- The userdata over libcfg where it ends daemons, and where it takes more nodes than one: labs of their own.
local lab = require "corosync.lab"

local LUA = os.getenv("LUA"):match "%S+$"
local LOST = { "not_connected", "local_node\tnot_connected", "ring_status\tnot_connected", "reload\tnot_connected",
  "reopen_logs\tnot_connected", "try_shutdown\tnot_connected", "node_addresses\tnot_connected",
  "node_status\tnot_connected", "kill_node\tnot_connected", "reply_shutdown\tnot_connected", "close\ttrue" }

-- Runs Lua in a node, with `handle`, and returns its output.
local function run(cluster, node, body)
  local code, out, err = assert(cluster:command(node, { LUA, "-e",
    [[local handle = assert(require("corosync.cfg").open()) ]] .. body }))
  assert.equal(0, code, err)
  return out
end

local function is_dead(cluster, node)
  return cluster:wait_for(function() return select(3, cluster:members(node)) == "not_running" end, 60, "its end")
end

-- A log line may be read after its effect has been noticed elsewhere.
local function has_logged(cluster, node, text)
  return cluster:wait_for(function() return cluster:log(node):find(text, 1, true) end, 60, text)
end

describe("a cfg shutdown request #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(2)) end)
  teardown(function() assert(cluster:stop()) end)
  before_each(function()
    if not cluster:members(1) then
      assert(cluster:restart(1))
      -- New connections are refused requests while the membership changes.
      assert(cluster:wait_members({ 1, 2 }, 60))
    end
    -- So long that no reply comes too late.
    assert.equal(0, (cluster:command(1, { "corosync-cmapctl", "-s", "cfg.shutdown_timeout", "u32", "300000" })))
  end)

  local function has_written(child, count)
    assert(cluster:wait_for(function() return #child.lines >= count or child.exited end, 60))
  end

  local function tracker(...)
    local argv = { LUA, "spec/helpers/clients/shutdown_tracker.lua", ... }
    local child = assert(cluster:run(1, argv))
    has_written(child, 1)
    assert.equal("ready", child.lines[1], table.concat(child.errors, "\n"))
    return child
  end

  local function ended_with(child, lines)
    assert.equal(0, child:wait(60))
    for _, line in ipairs(LOST) do lines[#lines + 1] = line end
    assert.same(lines, child.lines)
  end

  it("from corosync-cfgtool -H is refused by a script, then allowed", function()
    local child = tracker("false", "true")
    local _, _, err = assert(cluster:command(1, { "corosync-cfgtool", "-H" }))
    assert.matches("Could not shutdown", err)
    assert.same({ 1, 2 }, cluster:members(1))
    assert.equal(0, (cluster:command(1, { "corosync-cfgtool", "-H" })))
    assert(is_dead(cluster, 1))
    ended_with(child, { "ready", "request", "request" })
    assert(has_logged(cluster, 2, "was shut down by sysadmin"))
  end)

  -- The daemon counts replies, not their senders.
  it("is not allowed by one tracker on behalf of another, however often it replies", function()
    local eager, late = tracker "twice", tracker "late"
    local asker = assert(cluster:run(1, { LUA, "-e",
      [[print((select(3, require("corosync.cfg").open():try_shutdown())))]] }))
    has_written(eager, 3)
    has_written(late, 2)
    assert(late:write "\n")
    assert.equal(0, asker:wait(60), table.concat(asker.errors, "\n"))
    assert.same({ "busy" }, asker.lines)
    assert.same({ "ready", "request", "true\taccess" }, eager.lines)
    assert.same({ "ready", "request" }, late.lines)
    assert(eager:kill() and late:kill())
    assert(eager:wait(60) and late:wait(60))
  end)

  it("with \"regardless\" stops Corosync although a tracker refuses", function()
    local child = tracker "false"
    assert.equal("true\n", run(cluster, 1, [[print(handle:try_shutdown "regardless")]]))
    assert(is_dead(cluster, 1))
    ended_with(child, { "ready", "regardless" })
  end)

  it("with \"immediate\" stops Corosync without asking trackers", function()
    local child = tracker "false"
    assert.equal("true\n", run(cluster, 1, [[print(handle:try_shutdown "immediate")]]))
    assert(is_dead(cluster, 1))
    ended_with(child, { "ready" })
  end)

  it("succeeds when there are no trackers", function()
    assert.equal("true\n", run(cluster, 1, "print(handle:try_shutdown())"))
    assert(is_dead(cluster, 1))
  end)
end)

describe("cfg on two nodes #slow", function()
  for _, transport in ipairs { "udpu", "knet" } do
    it("lists the other node's addresses and status over " .. transport, function()
      local cluster = assert(lab.start { nodes = 2, transport = transport })
      local out = run(cluster, 1, [[
        print(handle:node_addresses(2)[1])
        local status = assert(handle:node_status(2))
        print(status.node, status.reachable, status.remote, status.external, #status.links)
        local link = status.links[1]
        print(link.link, link.enabled, link.connected, link.mtu > 0, link.source, link.destination)
        print(#handle:ring_status(), handle:ring_status()[1].interface, handle:ring_status()[1].status)
        local unknown, _, code = handle:node_status(7)
        print(unknown and unknown.reachable, code)]])
      assert(cluster:stop())
      assert.equal(transport == "knet" and [[
10.9.0.2
2	true	false	false	1
0	true	true	true	10.9.0.1	10.9.0.2
1	0 10.9.0.1	n3
nil	not_exist
]] or [[
10.9.0.2
2	true	false	false	1
0	true	true	true	10.9.0.2	nil
1	0 10.9.0.1	OK
false	nil
]], out)
    end)
  end
end)

describe("cfg.kill_node #slow", function()
  it("ends the node's daemon and logs the reason", function()
    local cluster = assert(lab.start(2))
    assert.equal("true\n", run(cluster, 1, [[print(handle:kill_node(2, "for the spec"))]]))
    assert(is_dead(cluster, 2))
    assert(cluster:wait_members({ 1 }, 60))
    assert(has_logged(cluster, 2, "Killed by node 1 : for the spec"))
    assert.equal("not_exist\n", run(cluster, 1, "print((select(3, handle:kill_node(2))))"))
    assert(cluster:stop())
  end)
end)

describe("a changed corosync.conf #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(2)) end)
  teardown(function() assert(cluster:stop()) end)

  local function change_token(milliseconds)
    for node = 1, 2 do
      assert.equal(0, (cluster:command(node, { "sed", "-i", ("s/token: .*/token: %d/"):format(milliseconds),
        "/run/corosync.conf" })))
    end
  end

  -- Prints the reload's begin and end, and the new token between them.
  local function watcher(node)
    local child = assert(cluster:run(node, { LUA, "-e", [[
      io.stdout:setvbuf "line"
      local map = assert(require("corosync.cmap").open())
      local over
      local function note(_, key, value) print(key, value) end
      assert(map:track("totem.token", note))
      assert(map:track("config.totemconfig_reload_in_progress", function(...)
        note(...)
        over = select(3, ...) == 0
      end))
      print "ready"
      while not over do
        assert(map:wait(60))
        assert(map:dispatch())
      end]] }))
    assert(cluster:wait_for(function() return child.lines[1] == "ready" or child.exited end, 60))
    return child
  end

  local function reloads(milliseconds, reload)
    change_token(milliseconds)
    local watchers = { watcher(1), watcher(2) }
    reload()
    for node = 1, 2 do
      assert.equal(0, watchers[node]:wait(60), table.concat(watchers[node].errors, "\n"))
      assert.same({ "ready", "config.totemconfig_reload_in_progress\t1", "totem.token\t" .. milliseconds,
        "config.totemconfig_reload_in_progress\t0" }, watchers[node].lines)
    end
  end

  it("reaches the trackers of every node after reload()", function()
    reloads(1500, function() assert.equal("true\n", run(cluster, 1, "print(handle:reload())")) end)
  end)

  it("reaches the trackers of every node after corosync-cfgtool -R", function()
    reloads(1600, function() assert.equal(0, (cluster:command(1, { "corosync-cfgtool", "-R" }))) end)
  end)

  it("is rejected when it is invalid", function()
    change_token(1)
    assert.equal("invalid_param\tcannot reload the configuration: corosync.conf has an error: see Corosync's log\n",
      run(cluster, 1, "local _, message, code = handle:reload() print(code, message)"))
    change_token(1000)
    assert.equal("true\n", run(cluster, 1, "print(handle:reload())"))
  end)
end)
