-- A process handles events that it got before its Corosync ended, while another process of its node goes on. Random
-- schedules seldom contain this case.
local directed = require "sim.directed"

-- A full member counts itself before it has acknowledged anything in the epoch.
local EARLY = { { "confirming", " or is_full and not active.acked[self.address]", "" } }

-- The process of node 3 leaves. The first process of node 1 hangs when it has sent its acknowledgement of that, but has
-- not received the one of node 2. Nodes 1 and 2 lose Corosync. A second process of node 1 goes on with node 3.
local function hang_while_others_go_on(run)
  local first, second, third = run.hosts[1], run.hosts[2], run.hosts[3]
  local other = run:add(1)
  run:wait(2)
  run.world:leave(other.process)
  run:wait(2)
  first.process.reads_ahead = true
  run.world:leave(third.process)
  run:run { first }
  assert(not first.replica.active:is_established())
  first.process.stopped = true
  run:run { second }
  run.checks:submit(second)
  run:wait(1)
  run:kill(second)
  run.world:lose_corosync { true, true }
  run:form({ 1, 3 }, { 2 })
  run.world:join(other.process)
  run.world:join(third.process)
  run.checks:submit(third)
  run:wait(10)
  first.process.stopped = false
  run:wait(1)
end

describe("a process that has been away", function()
  it("confirms nothing in an epoch that its node has not noted in time", function()
    assert.is_nil(directed.violation(nil, 3, false, hang_while_others_go_on))
    assert.is_string(directed.violation(EARLY, 3, false, hang_while_others_go_on))
  end)
end)
