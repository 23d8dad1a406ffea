-- Members of a replica end, and start again on some of the nodes.
local kill = require("spec.helpers.program").kill
local lab = require "corosync.lab"
local replicas = require "spec.helpers.replicas"

local hears, run = replicas.hears, replicas.run

local SOURCE = [[
options.patience = 1
options.timeout = 60
---
list = list()
function submit(command) print("result", (list:submit(command)), (select(3, app:status()))) end
]]

describe("a replica whose members have lost their states #slow", function()
  local cluster, name, members

  setup(function() cluster = assert(lab.start { nodes = 3, token = 500 }) end)
  teardown(function() assert(cluster:stop()) end)
  before_each(function() name, members = replicas.name(), {} end)

  local function kill_all()
    kill(members)
    members = {}
  end

  after_each(function()
    kill_all()
    replicas.clean()
    assert(cluster:heal())
  end)

  local function start(node)
    members[node] = assert(cluster:run(node, replicas.argv(name, SOURCE)))
    return members[node]
  end

  local function submit(node, command)
    run(members[node], ("submit '%s'"):format(command))
    local length, index = hears(members[node], "^result\t(%d+)\t(%d+)")
    return tonumber(length), tonumber(index)
  end

  it("begins with the initial state and later indices if the node without a member is in the cluster", function()
    start(1)
    start(2)
    local length, index = submit(1, "a")
    assert.equal(1, length)
    kill_all()
    start(2)
    start(1)
    local length_now, index_now = submit(2, "b")
    assert.equal(1, length_now)
    assert.is_true(index_now > index)
  end)

  it("goes on with the state of one node while another one is new, and a third one is cut off", function()
    start(1)
    start(2)
    submit(1, "a")
    members[1]:kill "sigkill"
    assert(members[1]:wait(10))
    assert(cluster:partition({ 1, 2 }, { 3 }))
    assert(cluster:wait_members({ 1, 2 }, 30))
    start(1)
    assert.equal(2, (submit(1, "b")))
  end)

  it("waits for a process whose Corosync has restarted", function()
    start(2)
    start(3)
    submit(2, "a")
    members[2]:kill "sigkill"
    assert(members[2]:wait(10))
    assert(cluster:kill(3))
    run(members[3], "wait_for 'Corosync on this node is away'")
    hears(members[3], "^is\t(.*)$")
    start(1)
    start(2)
    run(members[1], "wait_for 'another node may still have it: start Corosync on all nodes'")
    hears(members[1], "^is\t(.*)$")
    assert(cluster:restart(3))
    assert.equal(2, (submit(1, "b")))
  end)

  it("waits for a node that is cut off", function()
    start(1)
    start(2)
    submit(1, "a")
    kill_all()
    assert(cluster:partition({ 1, 2 }, { 3 }))
    assert(cluster:wait_members({ 1, 2 }, 30))
    start(1)
    start(2)
    run(members[1], "wait_for 'another node may still have it: start Corosync on all nodes'")
    assert.equal("blocked", hears(members[1], "^is\t(.*)$"))
    assert(cluster:heal())
    assert.equal(1, (submit(2, "b")))
  end)

  it("waits for a paused member of a node in the cluster", function()
    for node = 1, 3 do start(node) end
    for node = 1, 3 do hears(members[node], "^(ready)$") end
    submit(1, "a")
    members[3]:kill "sigstop"
    submit(1, "b") -- after it was excluded
    local paused = members[3]
    members[3] = nil
    kill_all()
    members[3] = paused
    start(1)
    start(2)
    run(members[1], "wait_for 'another node may still have it; member 3:'")
    assert.equal("blocked", hears(members[1], "^is\t(.*)$"))
    paused:kill "sigcont"
    local length = submit(3, "c")
    assert.is_true(length >= 2)
  end)
end)
