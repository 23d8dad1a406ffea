-- The nodelist becomes shorter on some nodes only. Random schedules hardly ever contain these cases.
local directed = require "sim.directed"

-- Nodes 1 and 2 of five read a nodelist of three nodes, and confirm commands alone if they can. Then the other nodes
-- try the same.
local function shorten(run, act)
  local one, three, four = run.hosts[1], run.hosts[3], run.hosts[4]
  run:form({ 1, 2, 3 }, { 4, 5 })
  run:wait(4)
  act(run, three)
  run:wait(2)
  run.checks:submit(one)
  run:wait(2)
  run:form({ 1, 2 }, { 3, 4, 5 })
  if not three.process.connected then
    run.world:join(three.process)
  end
  run.checks:submit(one)
  run:wait_for_reply(run.checks:submit(four))
  run:reload(5, { 1, 2 })
end

local function read_and_leave(run, three)
  run:reload(3, { 1, 2 })
  run:wait(2)
  run.world:leave(three.process)
end

local function leave_and_read(run, three)
  run.world:leave(three.process)
  run:wait(2)
  run:reload(3, { 1, 2 })
end

local function read(run)
  run:reload(3, { 1, 2 })
end

local WITHOUT_MAJORITY = { { "generation", "is_in_each_majority(self) and 0 or self.nodes", "0" } }
local OF_OWN_LIST = { { "claiming", "state and self.nodes or 0", "0" } }

describe("with nodelists that differ", function()
  it("a member with the longer one may leave, and go on with other nodes", function()
    assert.is_nil(directed.violation(nil, 5, false, shorten, read_and_leave))
    assert.is_string(directed.violation(WITHOUT_MAJORITY, 5, false, shorten, read_and_leave))
  end)

  it("members may read the shorter one after another member has left", function()
    assert.is_nil(directed.violation(nil, 5, false, shorten, leave_and_read))
    assert.is_string(directed.violation(WITHOUT_MAJORITY, 5, false, shorten, leave_and_read))
  end)

  it("a state is judged by the nodelist with which it was confirmed", function()
    assert.is_nil(directed.violation(nil, 5, false, shorten, read))
    assert.is_string(directed.violation(OF_OWN_LIST, 5, false, shorten, read))
  end)
end)
