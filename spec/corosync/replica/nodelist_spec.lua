-- Nodes are added to corosync.conf and removed from it while a replica keeps running on the same ring.
local lab = require "corosync.lab"
local replicas = require "spec.helpers.replicas"

local hears, run = replicas.hears, replicas.run

local SOURCE = [[
options.timeout = 60
---
list = list()
function submit() print("result", (list:submit "a")) end
]]

-- corosync.conf ends with the nodelist.
local ADD = [[
cp /run/corosync.conf /run/before.conf
sed '$d' /run/before.conf >/run/corosync.conf
printf 'node {\nring0_addr: 10.9.0.4\nnodeid: 4\nname: node4\n}\n}\n' >>/run/corosync.conf]]
local REMOVE = "mv /run/before.conf /run/corosync.conf"
local REMOVE_LAST = [[
awk '/^ *node {/ { n++ } n < 3 { print } END { print "}" }' /run/corosync.conf >/run/after.conf
mv /run/after.conf /run/corosync.conf]]

describe("a replica whose nodelist changes #slow", function()
  local cluster, name

  setup(function()
    cluster, name = assert(lab.start { nodes = 3, token = 500 }), replicas.name()
  end)
  teardown(function() assert(cluster:stop()) end)
  after_each(replicas.clean)

  local function start(node)
    return assert(cluster:run(node, replicas.argv(name, SOURCE)))
  end

  local function change_nodelists(change, nodes)
    for node = 1, nodes or 3 do
      assert.equal(0, (cluster:command(node, { "sh", "-c", change })))
    end
    local code, out, err = cluster:command(1, { "corosync-cfgtool", "-R" })
    assert.equal(0, code, out and out .. err)
  end

  it("needs a majority of the nodes that are listed now", function()
    local members = {}
    for node = 1, 3 do members[node] = start(node) end
    for node = 1, 3 do hears(members[node], "^(ready)$") end
    change_nodelists(ADD)
    members[3]:kill "sigkill"
    hears(members[1], "^(suspended)\tfewer nodes than a majority have the state$")
    run(members[1], "submit()")
    change_nodelists(REMOVE)
    hears(members[1], "^result\t(1)$")
    members[3] = start(3)
    hears(members[3], "^(ready)$")
    assert.same({ 1, 2, 3 }, cluster:members(1))
    for node = 1, 3 do
      members[node]:kill "sigkill"
      assert(members[node]:wait(10))
    end
  end)

  -- Nodes 1 and 2 lose their processes and Corosyncs, and node 3 does not come back.
  it("begins anew without a node that failed for good when that is no longer listed", function()
    local members = {}
    for node = 1, 3 do members[node] = start(node) end
    for node = 1, 3 do hears(members[node], "^(ready)$") end
    for node = 1, 3 do
      members[node]:kill "sigkill"
      assert(members[node]:wait(10))
      assert(cluster:kill(node))
    end
    for node = 1, 2 do
      assert(cluster:restart(node))
      members[node] = start(node)
    end
    for node = 1, 2 do
      run(members[node], "wait_for 'another node may still have it: start Corosync on all nodes'")
      assert.equal("blocked", hears(members[node], "^is\t(.*)$"))
    end
    change_nodelists(REMOVE_LAST, 2)
    run(members[1], "submit()")
    hears(members[1], "^result\t(1)$")
  end)
end)
