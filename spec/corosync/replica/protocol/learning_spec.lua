-- A learner that has a snapshot, and replays the events that came after the snapshot was cut.
local replica_bus = require "spec.helpers.replica_bus"

describe("a learner", function()
  local bus, one, two, new

  -- Lets the learner restore the snapshot, and replay some of the commands that followed.
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

  -- Returns how many claims the learner sends within `seconds` without a snapshot.
  local function claims_after(seconds)
    local count = 0
    for _ = 1, seconds * 2 do
      bus.now = bus.now + 0.5
      new.replica:time(bus.now)
      new.replica:flush()
      for _, effect in ipairs(new.replica.out) do
        count = count + (effect[1] == "send" and effect[2].kind == "claim" and 1 or 0)
        new.replica:message(new.address, effect[2])
      end
      new.replica.out = {}
      new.replica:message(one.address, { kind = "ack", tag = one.replica.active.tag, epoch = 0, changes = 0, index = 0,
        digest = 0 })
    end
    return count
  end

  it("waits longer before each claim while the others go on, because a claim voids the snapshot in transit", function()
    bus, one = replica_bus.three_members()
    bus:remove "3:30"
    new = bus:add "3:31"
    bus:run_to "claim"
    new.replica:message(one.address, { kind = "ack", tag = one.replica.active.tag, epoch = 0, changes = 0, index = 0,
      digest = 0 })
    assert.equal(0, claims_after(5))
    assert.equal(1, claims_after(10))
    assert.equal(1, claims_after(20))
  end)

  it("claims soon again while the others have no generation", function()
    bus = replica_bus.new(3)
    new = bus:add "3:31"
    one = { address = "1:10", replica = { active = { tag = "1.4.0" } } } -- of an earlier ring
    assert.is_true(claims_after(5) >= 2)
  end)
end)
