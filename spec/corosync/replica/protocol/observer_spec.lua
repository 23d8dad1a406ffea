local claims = require "corosync.replica.protocol.claims"
local replica_bus = require "spec.helpers.replica_bus"

local OBSERVER = { observer = true }

local function with_observer()
  local bus, one, two, three = replica_bus.three_members()
  local observer = bus:add("1:11", OBSERVER)
  bus:run()
  return bus, observer, one, two, three
end

-- Returns a function for how often a member has sent a message of a kind since now.
local function count_sent(bus, from, kind)
  local count, step = 0, bus.step
  function bus:step()
    local item = self.queue[1]
    count = count + (item.from == from and item.message.kind == kind and 1 or 0)
    return step(self)
  end
  return function() return count end
end

describe("a replica's observer", function()
  it("gets the state, follows, and applies what the full members have confirmed", function()
    local bus, one = replica_bus.three_members()
    bus:submit(one, "a")
    bus:run()
    local observer = bus:add("4:40", OBSERVER)
    bus:run()
    assert.equal("ready ready ready observing", bus:statuses())
    bus:submit(one, "b")
    bus:run()
    assert.same({ "a", "b" }, observer.state)
  end)

  it("submits commands and gets their results", function()
    local bus, observer, one = with_observer()
    bus:submit(observer, "a")
    bus:run()
    assert.equal("ok", observer.replies.a)
    assert.same({ "a" }, one.state)
  end)

  it("neither acknowledges nor asks to become full", function()
    local bus, observer, one = with_observer()
    local acknowledged, asked = count_sent(bus, "1:11", "ack"), count_sent(bus, "1:11", "learned")
    bus:submit(one, "a")
    bus:submit(observer, "b")
    bus:wait(10)
    assert.same({ 0, 0 }, { acknowledged(), asked() })
    assert.is_nil(one.replica.active.full["1:11"])
  end)

  it("is not waited for when it is paused", function()
    local bus, observer, one = with_observer()
    observer.stopped = true
    bus:submit(one, "a")
    bus:run()
    assert.equal("ok", one.replies.a)
  end)

  it("is waited for at a change of nodes only until it has claimed", function()
    local bus, observer, one = with_observer()
    bus:change_ring()
    bus:settle(observer)
    bus:step()
    observer.stopped = true
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    assert.equal("ready", one.replica.status)
  end)

  it("does not become full in the next generation", function()
    local bus, _, one = with_observer()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    assert.equal("ready observing ready ready", bus:statuses())
    assert.is_nil(one.replica.active.full["1:11"])
  end)

  it("waits no longer for the next snapshot once it has the state, although one was lost", function()
    local bus, one = replica_bus.three_members()
    local observer = bus:add("1:11", OBSERVER)
    bus:run_to "claim"
    bus:lose "snapshot"
    bus:submit(one, "a")
    bus:run()
    assert.not_equal("observing", observer.replica.status)
    bus:wait(10)
    assert.equal("observing", observer.replica.status)
    assert.equal(observer.replica.patience, observer.replica.learner_pause)
  end)

  it("claims again when its donor leaves", function()
    local bus, one, _, three = replica_bus.three_members()
    bus:submit(one, "a")
    bus:run()
    local observer = bus:add("1:11", OBSERVER)
    bus:run_to "claim"
    local donor = one.replica.active:donor(observer.replica.nonce)
    bus:lose "snapshot"
    bus:remove(donor)
    bus:run()
    bus:wait(10)
    assert.equal("observing", observer.replica.status)
    assert.same({ "a" }, observer.state)
    assert.is_truthy(three)
  end)

  it("claims again when the others have begun a generation without its knowledge", function()
    local bus, observer, one = with_observer()
    observer.stopped = true
    one.replica:restart()
    bus:take(one)
    one.replica.out = {}
    bus:submit(one, "a")
    bus:wait(3)
    observer.stopped = false
    bus:submit(one, "b")
    bus:wait(3)
    assert.equal("observing", observer.replica.status)
    assert.same(one.state, observer.state)
  end)

  it("never begins afresh, neither alone nor with a minority", function()
    local bus = replica_bus.new(3)
    bus:add("1:10", OBSERVER)
    bus:add("2:20", OBSERVER)
    bus:add("3:30", OBSERVER)
    bus:run()
    bus:wait(20)
    assert.equal("blocked blocked blocked", bus:statuses())
    bus:add "1:11"
    bus:run()
    bus:wait(20)
    assert.equal("blocked blocked blocked blocked", bus:statuses())
    bus:add "2:21"
    bus:run()
    assert.equal("observing ready observing ready observing", bus:statuses())
  end)

  it("does not change a decision", function()
    local ring = { node = 1, seq = 40 }
    local function claim(from, more)
      local made = { from = from, nonce = from .. "!", nodes = 3, floor = 0, standing = true, members = { from },
        on_ring = {} }
      for key, value in pairs(more) do
        made[key] = value
      end
      return made
    end
    local state = { generation = { start = 0, seq = 8, round = 1, epoch = 0 }, index = 5, digest = 5, partial = false }
    local observer = claim("3:30", { observer = true, nodes = 9, floor = 99, noted = "0.8.1.0", members = { "2:99" },
      generation = { start = 0, seq = 12, round = 1, epoch = 0 }, index = 9, digest = 9, partial = false })
    for _, others in ipairs { { claim("1:10", {}), claim("2:20", {}) }, { claim("1:10", state), claim("2:20", {}) },
      { claim("1:10", state), claim("2:20", state) } } do
      local expected, why = claims.decide(others, ring)
      local made, other_why = claims.decide({ others[1], others[2], observer }, ring)
      if made then
        assert.equal("3:30!", made.learners["3:30"])
        made.learners["3:30"] = nil
      end
      assert.same({ expected, why }, { made, other_why })
    end
  end)
end)
