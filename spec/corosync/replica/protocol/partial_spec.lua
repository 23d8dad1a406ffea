-- A learner has restored a snapshot, but not replayed all later commands. Random schedules seldom contain this case.
local directed = require "sim.directed"

local COUNTED = { { "claims", "difference == 0 and not best.partial", "difference == 0" } }

-- The process of node 3 is replaced. Nodes 1 and 2 confirm commands before the new one gets its snapshot. Node 1 is cut
-- off when it has replayed some of them, and the process of node 2 is replaced.
local function cut_off_while_replaying(run)
  run:kill(run.hosts[3])
  run:wait(2)
  local held = run:hold(function(message) return message.kind == "snapshot" end)
  local learner = run:add(3)
  run:wait(1)
  for _ = 1, 20 do
    run:wait_for_reply(run.checks:submit(run.hosts[1]))
  end
  run:release(held)
  run:run { learner }
  assert(learner.replica.replaying, "it has replayed all")
  run:form({ 1 }, { 2, 3 })
  run:kill(run.hosts[2])
  run:add(2)
  run:wait(20)
end

describe("a learner that has not replayed all commands", function()
  it("does not go on with a node that had acknowledged them", function()
    assert.is_nil(directed.violation(nil, 3, false, cut_off_while_replaying))
  end)

  it("would lose confirmed commands if it did", function()
    assert.is_string(directed.violation(COUNTED, 3, false, cut_off_while_replaying))
  end)
end)
