-- A learner that has a snapshot, and replays what came after it was cut.
local replica_bus = require "spec.helpers.replica_bus"

describe("a learner", function()
  local bus, one, two, new

  -- It has the snapshot, and some of the commands that followed it.
  local function begin_replay()
    bus, one, two = replica_bus.three_members()
    bus:remove "3:30"
    new = bus:add("3:31", { replayed_at_once = 2 })
    for i = 1, 20 do
      bus:submit(one, "a" .. i)
    end
    bus:run_to "snapshot"
  end

  it("replays some commands at a time, because all at once would block the loop", function()
    begin_replay()
    assert.is_true(new.replica.log.index < one.replica.log.index - 10)
    for i = 1, 20 do
      bus:submit(one, "b" .. i)
    end
    bus:submit(new, "c")
    bus:run()
    bus:wait(30)
    assert.equal("ready ready ready", bus:statuses())
    assert.equal(41, #new.state)
    assert.same(one.state, new.state)
    assert.equal("ok", new.replies.c)
  end)

  it("takes part in the next generation although it has not replayed all", function()
    begin_replay()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    assert.equal("ready ready ready", bus:statuses())
    assert.equal(20, #new.state)
    assert.same(one.state, new.state)
  end)

  it("notices at its place in the order that a member has left", function()
    begin_replay()
    bus:remove "2:20"
    bus:run()
    bus:wait(30)
    assert.equal("ready ready", bus:statuses())
    assert.same(one.state, new.state)
    assert.is_truthy(two)
  end)
end)
