local lab = require "corosync.lab"
local program = require "spec.helpers.program"
local views = require "spec.helpers.views"

local LUA = os.getenv("LUA"):match "%S+$"

-- The results of every query, and the events.
local ASK = [[
local corosync = require "corosync"
local function show(what, ...) print(what, ...) end
for _, model in ipairs { 1, 0 } do
  local handle = assert(corosync.quorum.open { model = model, quorum_change = function(quorate, members, ring)
    show("told", quorate, #members, ring.node, ring.seq)
  end })
  show("quorate", handle:quorate())
  assert(handle:wait(60))
  assert(handle:dispatch())
  assert(handle:close())
end
local handle = assert(corosync.quorum.open())
assert(handle:track())
local event
repeat
  assert(handle:wait(60))
  event = { handle:receive() }
until event[1] == "quorum"
show("received", event[2], #event[3], event[4].seq)
show("votes", corosync.votequorum.open())
show("cluster", require("corosync.cluster").is_quorate())
local group = corosync.group("asking", {})
show("group", group:is_quorate())
show("service", require("corosync.service").quorum():quorate())
assert(group:activate())
assert(group:wait_for(function() return tostring(group):find "joined" end, 60))
local view, message
assert(group:wait_for(function()
  view, message = group:view()
  return view
end, 60), message)
show("view", #view.members, view.quorate, view.reason)
]]

local WHY = "Corosync on this node has no quorum provider, so no side of the cluster is quorate: set "
  .. "quorum { provider: corosync_votequorum } in corosync.conf on all nodes and restart Corosync"

local SCRIPT = [[
function view_change(view) print("view", #view.members, view.quorate, view.reason) end
function quorum_change(quorate, members) print("quorum", quorate, #members) end
]]

describe("without a quorum provider #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start { nodes = 3, quorum = false }) end)
  teardown(function() assert(cluster:stop()) end)
  teardown(program.remove)

  local function run(node, ...)
    return assert(cluster:run(node, { ... }))
  end

  local function saw(it, what, found)
    assert(cluster:wait_for(function() return found(it) or it.exited end, 60, what))
    assert.truthy(found(it), ("no %s in:\n%s\n%s"):format(what, table.concat(it.lines, "\n"),
      table.concat(it.errors, "\n")))
  end

  local function has(list, text)
    return table.concat(list, "\n"):find(text, 1, true) ~= nil
  end

  it("nothing is quorate, and each call gives the reason", function()
    local code, out, err = cluster:command(1, { LUA, "-e", ASK })
    assert.equal(0, code, err)
    local lines = {}
    for line in out:gmatch "[^\n]+" do
      lines[#lines + 1] = line
    end
    local function refused(what, doing)
      return ("%s\tnil\tcannot %s: %s\tno_quorum_provider"):format(what, doing, WHY)
    end
    local told = "told\tnil\t0\t%s\t0"
    assert.same({
      refused("quorate", "read quorum"), told:format "nil",
      refused("quorate", "read quorum"), told:format "nil",
      "received\tnil\t0\t0",
      refused("votes", "reach Corosync's votequorum service"),
      refused("cluster", "read quorum"),
      refused("group", "read quorum"),
      refused("service", "read quorum"),
      "view\t1\tnil\tno_quorum_provider",
    }, lines)
  end)

  it("a reload of corosync.conf with a provider has no effect until Corosync restarts", function()
    local ask = [[print(select(3, require("corosync.cluster").is_quorate()))]]
    local script = program.file("reload.lua", SCRIPT)
    assert.equal(0, (cluster:command(3, { "sh", "-c",
      "printf 'quorum {\\n provider: corosync_votequorum\\n}\\n' >>/run/corosync.conf; corosync-cfgtool -R" })))
    local _, code = cluster:command(3, { LUA, "-e", ask })
    assert.equal("no_quorum_provider\n", code)
    local host = run(3, "cpgrun", script)
    saw(host, "a view without quorum", function(it) return has(it.lines, "view\t1\tnil\tno_quorum_provider") end)
    local before = #host.lines
    assert(cluster:restart(3))
    saw(host, "a view with quorum", function(it)
      return table.concat(it.lines, "\n", before + 1):find "view\t1\t%l+\tnil"
    end)
    assert(cluster:command(3, { "sed", "-i", "/^quorum/,$d", "/run/corosync.conf" }))
    before = #host.lines
    assert(cluster:restart(3))
    saw(host, "a view without quorum again", function(it)
      return table.concat(it.lines, "\n", before + 1):find("view\t1\tnil\tno_quorum_provider", 1, true)
    end)
    host:kill "sigkill"
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("cpgrun warns at its start and can still change to another user", function()
    local script = program.file("quorum.lua", SCRIPT)
    local host = run(1, "cpgrun", "--user=nobody", script)
    saw(host, "a view", function(it) return has(it.lines, "view\t1\tnil\tno_quorum_provider") end)
    saw(host, "the quorum", function(it) return has(it.lines, "quorum\tnil\t0") end)
    saw(host, "the warning", function(it) return has(it.errors, "warning: cannot read quorum: ") end)
    local warnings = 0
    for _, line in ipairs(host.errors) do
      warnings = warnings + (has({ line }, "warning: cannot read quorum: " .. WHY) and 1 or 0)
    end
    assert.equal(1, warnings)
    host:kill "sigterm"
    assert.equal(0, (host:wait(60)))
  end)

  it("both sides of a partition get views without quorum, and one view after the merge", function()
    local viewers = {}
    for node = 1, 3 do
      viewers[node] = run(node, LUA, "spec/helpers/clients/viewer.lua", "cut")
      assert(viewers[node]:write "join\n")
    end
    local function all_see(list, ...)
      for _, node in ipairs { ... } do
        saw(viewers[node], "a view of nodes " .. list, function(it)
          local last = it.lines[#it.lines] or ""
          local nodes, members = last:match "^view ring=%S+ nodes=(%S+) quorate=nil members=(%S+)"
          return nodes == list and members:gsub(":%d+", "") == list
        end)
      end
    end
    all_see("1,2,3", 1, 2, 3)
    assert(cluster:partition({ 1, 2 }, { 3 }))
    all_see("1,2", 1, 2)
    all_see("3", 3)
    assert(cluster:heal())
    all_see("1,2,3", 1, 2, 3)
    assert.is_not_nil(views.last(viewers[3]).merged)
    views.check(viewers)
    for _, viewer in ipairs(viewers) do
      viewer:kill "sigkill"
    end
  end)

  it("a replica is not ready, and says why", function()
    local waits = run(1, "cpgrun", program.file("waits.lua", [[
      local app = assert(require "corosync.replica" "waits")
      require("luv").new_timer():start(50, 50, function() print((app:status()), (select(6, app:status()))) end)]]))
    saw(waits, "the reason", function(it)
      return has(it.lines, "blocked\tCorosync on this node has no quorum provider: ")
    end)
    waits:kill "sigkill"
  end)

  it("no node takes the service address", function()
    local hosts = {}
    for node = 1, 3 do
      hosts[node] = run(node, "cpgrun", "examples/service_address.lua", "10.9.0.50/24", "eth0", "3")
      saw(hosts[node], "the start", function(it) return has(it.lines, "is not here") end)
    end
    -- Its view comes after `hold` seconds without a change.
    local script = program.file("address.lua", "group_name, group.settle = 'service_address', 4\n" .. SCRIPT)
    local witness = run(1, "cpgrun", script)
    saw(witness, "the view", function(it) return has(it.lines, "view\t4\tnil\tno_quorum_provider") end)
    for node = 1, 3 do
      local _, out = cluster:command(node, { "ip", "-o", "addr", "show", "dev", "eth0" })
      assert.is_falsy(has({ out }, "10.9.0.50"))
      assert.is_falsy(has(hosts[node].lines, "is here"))
      assert.is_falsy(has(hosts[node].errors, "error:"))
      assert.is_nil(hosts[node].exited or nil, table.concat(hosts[node].errors, "\n"))
      hosts[node]:kill "sigkill"
    end
    witness:kill "sigkill"
  end)
end)
