-- A process joins a group before Corosync has delivered its earlier join and the end of that to the group.
local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"
local replicas = require "spec.helpers.replicas"

describe("a group of a process whose earlier membership has not ended yet #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start { nodes = 2, token = 5000 }) end)
  teardown(function() assert(cluster:stop()) end)

  -- While a daemon is paused, the other one delivers no messages.
  it("joins again when it is told that it has left", function()
    local program = assert(cluster:run(1, { groups.interpreter, "spec/helpers/clients/early_rejoin.lua" }))
    replicas.hears(program, "^(up)$")
    assert(cluster:pause(2))
    assert(program:write "\n")
    replicas.hears(program, "^(joining)$")
    assert(cluster:resume(2))
    replicas.hears(program, "^change\t0\t(procdown)")
    assert.matches("removed this process", replicas.hears(program, "^disconnected\t(.*)$"))
    replicas.hears(program, "^change\t1\t%-\t(join)$")
    assert.is_false(program.exited)
    program:kill "sigkill"
    assert(program:wait(60))
  end)
end)
