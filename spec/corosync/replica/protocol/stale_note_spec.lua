-- A process knows its node's note as of its last view. Random schedules seldom contain this case.
local directed = require "sim.directed"

-- A member that takes part in a generation keeps its view when members come or go.
local KEPT = { { "protocol", "  self.members, self.view = members, nil\n", "  self.members = members\n" } }

-- A second process of node 1 follows, and is not full yet, when the process of node 3 leaves. The first process of node
-- 1 confirms commands with node 2. The process of node 3 comes back with its old state, and the other two die.
local function meet_without_newest(run)
  local first, second, third = run.hosts[1], run.hosts[2], run.hosts[3]
  run:hold(function(message) return message.kind == "promote" end)
  local follower = run:add(1)
  run:wait_until(function() return follower.replica.following end)
  follower.process.view_delay = 20
  run.world:leave(third.process)
  run:wait(1)
  for _ = 1, 3 do
    run:wait_for_reply(run.checks:submit(first))
  end
  run:hold(function(message) return message.kind == "promote" or message.kind == "snapshot" end)
  run.world:join(third.process)
  run:wait(1)
  run:kill(first)
  run:kill(second)
  run:wait(1)
  run:release {}
  run.checks:submit(third)
  run:wait(10)
end

describe("a process that has not read its node's newest note", function()
  it("does not vouch for an older state", function()
    assert.is_nil(directed.violation(nil, 3, false, meet_without_newest))
  end)

  it("would use indices again if it did", function()
    assert.is_string(directed.violation(KEPT, 3, false, meet_without_newest))
  end)
end)
