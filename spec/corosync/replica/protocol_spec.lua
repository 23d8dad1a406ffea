local replica_bus = require "spec.helpers.replica_bus"

local new_bus, three_members = replica_bus.new, replica_bus.three_members

-- Sends a command of each of so many clients that the log forgets all others.
local function send_from_many(bus)
  local tag = bus.members["2:20"].replica.active.tag
  for i = 1, 4096 do
    local message = { kind = "commands", tag = tag, client = "x" .. i, seq = 1, list = { "-" } }
    table.insert(bus.queue, { from = "2:20", message = message })
  end
end

describe("the protocol of replicas", function()
  it("begins with a majority of nodes", function()
    local bus = new_bus(3)
    bus:add "1:10"
    bus:add "1:11"
    bus:run()
    assert.equal("blocked blocked", bus:statuses())
    bus:add "2:20"
    bus:run()
    assert.equal("ready ready ready", bus:statuses())
  end)

  it("no longer says why it waits once the members have changed", function()
    local bus = new_bus(3)
    local one = bus:add "1:10"
    bus:run()
    assert.matches("^members run on too few nodes: ", one.replica.reason)
    bus:change_ring()
    assert.is_nil(one.replica.reason)
  end)

  it("applies a command everywhere and replies to its caller", function()
    local bus, one, two, three = three_members()
    bus:submit(one, "a")
    bus:run()
    assert.equal("ok", one.replies.a)
    assert.same({ { "a" }, { "a" }, { "a" } }, { one.state, two.state, three.state })
  end)

  it("does not reply before all full members have acknowledged", function()
    local bus, one, _, three = three_members()
    three.stopped = true
    bus:submit(one, "a")
    bus:run()
    assert.is_nil(one.replies.a)
    assert.same({}, one.state)
  end)

  it("excludes a full member that does not acknowledge, and makes it full again when it follows", function()
    local bus, one, _, three = three_members()
    local missed, step = {}, bus.step
    three.stopped = true
    function bus:step()
      missed[#missed + 1] = self.queue[1]
      return step(self)
    end
    bus:submit(one, "a")
    bus:run()
    bus:wait(6)
    assert.equal("ok", one.replies.a)
    three.stopped, bus.step = false, nil
    for _, item in ipairs(missed) do
      three.replica:message(item.from, item.message)
      bus:take(three)
    end
    assert.equal("ready ready learning", bus:statuses())
    bus:run()
    assert.equal("ready ready ready", bus:statuses())
    assert.same({ "a" }, three.state)
  end)

  it("does not exclude a member without which there is no majority", function()
    local bus, one, two, three = three_members()
    bus:remove "3:30"
    bus:run()
    two.stopped = true
    bus:submit(one, "a")
    bus:run()
    bus:wait(20)
    assert.is_nil(one.replies.a)
    assert.equal("ready", one.replica.status)
    assert.is_truthy(three)
  end)

  it("makes a learner full although the first full member is paused", function()
    local bus, one, _, three = three_members()
    bus:remove "2:20"
    bus:run()
    one.stopped = true
    local new = bus:add "2:21"
    bus:run()
    bus:wait(30)
    bus:submit(three, "a")
    bus:run()
    assert.equal("ready", new.replica.status)
    assert.same({ "ok", { "a" } }, { three.replies.a, new.state })
  end)

  it("brings a new member up to date", function()
    local bus, one = three_members()
    bus:submit(one, "a")
    bus:run()
    bus:remove "3:30"
    bus:submit(one, "b")
    local new = bus:add "3:31"
    bus:submit(one, "c")
    bus:run()
    assert.equal("ready ready ready", bus:statuses())
    assert.same({ "a", "b", "c" }, new.state)
  end)

  it("acknowledges nothing in an epoch before all full members know of it", function()
    local bus = three_members()
    bus:remove "3:30"
    bus:add "3:31"
    bus:run_to "promote"
    for _, item in ipairs(bus.queue) do
      assert.is_falsy(item.message.is_established)
    end
    assert.is_true(#bus.queue > 0)
    bus:run()
    bus:each(function(each) assert.is_true(each.replica.active:is_established()) end)
  end)

  it("brings a learner up to date that has claimed twice", function()
    local bus, one = three_members()
    bus:remove "3:30"
    local new = bus:add "3:31"
    bus:run_to "claim"
    new.replica:time(20)
    bus:take(new)
    bus:submit(one, "a")
    bus:run()
    assert.equal("ready ready ready", bus:statuses())
    assert.same({ "a" }, new.state)
  end)

  it("sends commands again that were under way when the ring ended", function()
    local bus, one, two = three_members()
    bus:submit(one, "a")
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    assert.equal("ok", one.replies.a)
    assert.same({ "a" }, two.state)
  end)

  it("does not apply a command twice that was under way when the ring ended", function()
    local bus, one, two = three_members()
    bus:submit(one, "a")
    bus:step()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    assert.equal("ok", one.replies.a)
    assert.same({ "a" }, two.state)
  end)

  it("confirms nothing by acknowledgements of an earlier epoch", function()
    local bus, one, two = three_members()
    bus:submit(one, "a")
    bus:run_to "commands"
    -- `two` acknowledges, then `three` leaves: the acknowledgement does not count for the full members that are left.
    two.stopped = true
    bus:remove "3:30"
    bus:run()
    assert.is_nil(one.replies.a)
  end)

  it("goes on from the state of one node if the note of another one is not newer", function()
    local bus, one = three_members()
    bus:submit(one, "a")
    bus:run()
    bus:remove "2:20"
    bus:remove "3:30"
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:add("2:21").noted = "0.8.1.0"
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    bus:submit(one, "b")
    bus:run()
    assert.equal("ok", one.replies.b)
    assert.same({ "a", "b" }, bus.members["2:21"].state)
  end)

  it("keeps the state while one full member is left, and confirms again with a majority", function()
    local bus, one = three_members()
    bus:submit(one, "a")
    bus:run()
    bus:remove "2:20"
    bus:remove "3:30"
    bus:submit(one, "b")
    bus:run()
    assert.is_nil(one.replies.b)
    local new = bus:add "2:21"
    bus:run()
    assert.equal("ok", one.replies.b)
    assert.same({ "a", "b" }, new.state)
  end)

  it("does not let an old process speak for its node when a newer state is noted", function()
    local bus, one = three_members()
    one.noted = "0.8.1.7"
    bus:change_ring()
    bus:settle(one)
    assert.is_false(one.replica.standing)
  end)

  it("notes a generation before it says that it is ready to begin it, and before it acknowledges", function()
    local _, one = three_members()
    assert.same({ "promised 0.8.1.0", "held 0.8.1.0" }, one.notes)
  end)

  it("joins again on a ring that the group was not told of", function()
    local bus, one = three_members()
    bus.ring = { node = 1, seq = 12 }
    bus:settle(one)
    bus:wait(4)
    assert.is_nil(one.effects.rejoin)
    bus:wait(2)
    assert.is_true(one.effects.rejoin)
  end)

  it("waits for a silent member no longer than its patience", function()
    local bus, one, two, three = three_members()
    three.stopped = true
    bus:change_ring()
    bus:settle(one)
    bus:settle(two)
    bus:run()
    assert.equal("blocked", one.replica.status)
    bus:wait(12)
    assert.equal("ready", one.replica.status)
  end)

  it("waits for a silent member with a clock that begins anywhere", function()
    local bus = new_bus(3)
    bus.now = 1e9
    local one = bus:add "1:10"
    bus:add "2:20"
    bus:add("3:30").stopped = true
    bus.queue = {}
    bus:run()
    bus:wait(4)
    assert.equal("blocked", one.replica.status)
    bus:wait(12)
    assert.equal("ready", one.replica.status)
  end)

  it("begins a new generation when a member does not know of the present one", function()
    local bus, one, _, three = three_members()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    three.stopped = true
    bus:run()
    three.stopped = false
    bus:wait(20)
    bus:submit(one, "a")
    bus:run()
    assert.equal("ok", one.replies.a)
    assert.equal("ready ready ready", bus:statuses())
  end)

  it("applies a command of a member that the log has forgotten, once", function()
    local bus, one, two = three_members()
    bus:submit(one, "a")
    bus:run()
    send_from_many(bus)
    bus:submit(one, "b")
    bus:submit(one, "c")
    bus:run()
    assert.same({ "ok", "ok", "ok" }, { one.replies.a, one.replies.b, one.replies.c })
    local others = table.concat(two.state, " "):gsub("%- ", "")
    assert.equal("a b c", others)
  end)

  it("gives up a command as uncertain that the log may have when it has forgotten its member", function()
    local bus, one, _, three = three_members()
    three.stopped = true
    bus:submit(one, "a")
    bus:run()
    send_from_many(bus)
    bus:submit(one, "b")
    bus:run()
    assert.same({ a = "uncertain" }, one.replies)
    assert.equal("forgotten", one.causes.a)
  end)

  it("keeps its commands while it joins again, and applies them once", function()
    local bus, one, two = three_members()
    bus:submit(one, "a")
    bus:remove "1:10"
    bus:run()
    bus:submit(one, "b")
    table.insert(bus.list, "1:10")
    table.sort(bus.list)
    bus:each(function(each) each.replica:config_change(bus.list, {}, each == one) end)
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    bus:wait(3)
    assert.equal("ready ready ready", bus:statuses())
    assert.equal("ok", one.replies.b)
    assert.same({ "a", "b" }, two.state)
  end)

  it("numbers its commands anew after a loss of the state", function()
    local bus, one = three_members()
    bus:submit(one, "a")
    bus:submit(one, "b")
    bus:run()
    bus:submit(one, "c")
    one.replica.log.last[one.replica.client] = 1
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    assert.same({ "uncertain", "replaced" }, { one.replies.c, one.causes.c })
    bus:submit(one, "d")
    bus:run()
    assert.equal("ok", one.replies.d)
  end)

  it("gives up a command as not_ready before it was sent, else as uncertain", function()
    local bus = new_bus(3)
    local one = bus:add "1:10"
    bus:submit(one, "a")
    one.replica:give_up { a = true }
    bus:take(one)
    assert.equal("not_ready", one.replies.a)
    bus:add "2:20"
    bus:run()
    bus:submit(one, "b")
    one.replica:give_up { b = true }
    bus:take(one)
    assert.equal("uncertain", one.replies.b)
    bus:submit(one, "c")
    bus:run()
    assert.equal("ok", one.replies.c)
    assert.same({ "b", "c" }, one.state)
  end)

  it("counts uncertain commands among those that wait, until they are applied", function()
    local bus, one = three_members()
    bus:submit(one, "a")
    bus:submit(one, "b")
    one.replica:give_up { a = true }
    assert.equal(2, one.replica:waiting())
    one.replica:give_up { a = true }
    bus:take(one)
    assert.equal("uncertain", one.replies.a)
    bus:run()
    assert.equal(0, one.replica:waiting())
    assert.equal("uncertain", one.replies.a)
  end)

  it("counts with more nodes as soon as one member's nodelist has them", function()
    local bus, one, two = three_members()
    bus.nodes = 7
    bus:settle(one)
    bus:run()
    assert.equal(7, two.replica.active.nodes)
    bus:submit(one, "a")
    bus:run()
    assert.is_nil(one.replies.a)
  end)

  it("counts with fewer nodes when the nodelists of all full members have fewer", function()
    local bus = new_bus(4)
    local one, two = bus:add "1:10", bus:add "2:20"
    local three = bus:add "3:30"
    bus:run()
    bus.nodes = 3
    bus:settle(one)
    bus:settle(two)
    bus:run()
    assert.equal(4, one.replica.active.nodes)
    bus:settle(three)
    bus:run()
    assert.equal(3, one.replica.active.nodes)
    bus:submit(one, "a")
    bus:run()
    assert.equal("ok", one.replies.a)
  end)

  -- Returns three members whose nodelists had four nodes and now have three.
  local function with_shorter_nodelists()
    local bus = new_bus(4)
    local members = { bus:add "1:10", bus:add "2:20", bus:add "3:30" }
    bus:run()
    bus.nodes = 3
    return bus, members
  end

  local function read_nodelist(bus, member, nodes)
    member.replica:nodes_changed(nodes or bus.nodes)
    bus:take(member)
  end

  it("counts with fewer nodes when the last full member with a longer nodelist has left", function()
    local bus, members = with_shorter_nodelists()
    read_nodelist(bus, members[1])
    read_nodelist(bus, members[2])
    bus:run()
    assert.equal(4, members[1].replica.active.nodes)
    bus:remove "3:30"
    bus:run()
    assert.equal(3, members[1].replica.active.nodes)
    bus:submit(members[1], "a")
    bus:run()
    assert.equal("ok", members[1].replies.a)
  end)

  it("counts with the nodelist that a member has last read", function()
    local bus, members = with_shorter_nodelists()
    read_nodelist(bus, members[1], 3)
    read_nodelist(bus, members[1], 4)
    read_nodelist(bus, members[2])
    read_nodelist(bus, members[3])
    bus:run()
    assert.equal(4, members[1].replica.active.nodes)
  end)
end)
