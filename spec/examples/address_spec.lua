-- examples/service_address.lua on a cluster of its own; the kernels of its nodes report each added and removed address.
local lab = require "corosync.lab"
local program = require "spec.helpers.program"

local ADDRESS = "10.9.0.50/24"
local SCRIPT = { "cpgrun", "examples/service_address.lua" }

local function contains(text, part)
  return text:find(part, 1, true) ~= nil
end

describe("examples/service_address.lua #slow", function()
  local cluster
  local hosts = {}
  local holders = {} -- by node
  local overlaps = {}

  local function who()
    local list = {}
    for node = 1, 3 do
      list[#list + 1] = holders[node] and node
    end
    return table.concat(list, " ")
  end

  local function note(node, line)
    if contains(line, ADDRESS) then
      holders[node] = not line:match "^Deleted" or nil
      if #who() > 1 then
        overlaps[#overlaps + 1] = who()
      end
    end
  end

  local function listed()
    local list = {}
    for node = 1, 3 do
      local code, out = assert(cluster:command(node, { "ip", "-o", "addr", "show", "dev", "eth0" }))
      assert.equal(0, code)
      list[#list + 1] = contains(out, ADDRESS) and node or nil
    end
    return table.concat(list, " ")
  end

  local function wait_for(what, predicate)
    assert(cluster:wait_for(predicate, 60, what))
  end

  local function is_on(nodes)
    wait_for(("the address on '%s'"):format(nodes), function() return who() == nodes end)
    assert.equal(nodes, listed())
    assert.same({}, overlaps)
  end

  local function says(node, text)
    wait_for(("node %d to say '%s'"):format(node, text), function()
      return contains(table.concat(hosts[node].lines, "\n") .. table.concat(hosts[node].errors, "\n"), text)
    end)
  end

  local function start(node)
    hosts[node] = assert(cluster:run(node, SCRIPT, { host = true }))
    says(node, "joined group")
    says(node, "is not here")
  end

  local function ip_addr(node, ...)
    assert.equal(0, (assert(cluster:command(node, { "ip", "addr", ... }))))
  end

  -- Repeated, because a monitor does not report when it starts to see changes.
  local function give(node)
    wait_for(("node %d to be seen with the address"):format(node), function()
      ip_addr(node, "replace", ADDRESS, "dev", "eth0")
      return holders[node]
    end)
    is_on(tostring(node))
  end

  setup(function()
    cluster = assert(lab.start { nodes = 3, token = 600 }) -- which notices faults after 2.7 s
    for node = 1, 3 do
      assert(cluster:run(node, { "ip", "-o", "monitor", "address", "dev", "eth0" }, {
        output = function(line) note(node, line) end,
      }))
      give(node)
      ip_addr(node, "del", ADDRESS, "dev", "eth0")
      is_on ""
    end
  end)
  teardown(function() assert(cluster:stop()) end)
  after_each(program.clean)

  -- Waits until one of these nodes has the address, and returns that one.
  local function is_on_one_of(...)
    local nodes = { ... }
    wait_for("the address on one of the nodes " .. table.concat(nodes, " "), function()
      for _, node in ipairs(nodes) do
        if who() == tostring(node) then
          return true
        end
      end
    end)
    is_on(who())
    return tonumber(who())
  end

  local function others(node)
    local list = { 1, 2, 3 }
    table.remove(list, node)
    return list[1], list[2]
  end

  local owner

  it("removes an address left over by a predecessor and adds it on one node", function()
    give(2)
    for node = 1, 3 do
      start(node)
    end
    owner = is_on_one_of(1, 2, 3)
  end)

  it("moves the address when the script is killed", function()
    local killed = owner
    assert(cluster:kill_host(killed))
    owner = is_on_one_of(others(killed))
    start(killed)
  end)

  it("moves the address to the side with a majority, where it stays", function()
    local alone, one, other = owner, others(owner)
    assert(cluster:partition({ alone }, { one, other }))
    owner = is_on_one_of(one, other)
    assert(cluster:heal())
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
    assert.equal(owner, is_on_one_of(1, 2, 3))
  end)

  it("moves the address when Corosync is killed", function()
    local killed = owner
    assert(cluster:kill(killed))
    owner = is_on_one_of(others(killed))
    assert(cluster:restart(killed))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("removes the address without a majority and adds it on one node with one", function()
    assert(cluster:partition({ 1 }, { 2 }, { 3 }))
    is_on ""
    assert(cluster:heal())
    owner = is_on_one_of(1, 2, 3)
  end)

  it("removes the address before it ends", function()
    hosts[owner]:kill "sigterm"
    assert.equal(0, (assert(hosts[owner]:wait(60))))
    assert.equal("10.9.0.50/24 is not here", hosts[owner].lines[#hosts[owner].lines])
    is_on_one_of(others(owner))
  end)

  it("ends with the error of ip", function()
    local code, _, errors = program.run("setpriv", "--bounding-set=-net_admin", "cpgrun", SCRIPT[2], "127.0.0.1/8",
      "lo")
    assert.equal(1, code)
    assert.truthy(contains(errors, "Operation not permitted"))
  end)

  it("requires an address outside a lab", function()
    local code, _, errors = program.run("env", "-u", "COROSYNC_LAB", "cpgrun", "--check", SCRIPT[2])
    assert.equal(1, code)
    assert.truthy(contains(errors, "usage: cpgrun examples/service_address.lua address/bits interface"))
    assert.equal(0, (program.run("cpgrun", "--check", SCRIPT[2], "10.0.0.50/24", "eth0")))
  end)
end)
