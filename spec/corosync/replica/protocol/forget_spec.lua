local replica_bus = require "spec.helpers.replica_bus"

-- Returns three members, the last of which has a wrong state, and a function that lets it leave and join again.
local function with_wrong_state()
  local bus, one, two, three = replica_bus.three_members()
  bus:submit(one, "a")
  bus:run()
  three.state = { "wrong" }
  local function join_again()
    bus:remove "3:30"
    bus:run()
    table.insert(bus.list, "3:30")
    bus:each(function(each) each.replica:config_change(bus.list, {}, each == three) end)
    bus:each(function(each) bus:settle(each) end)
    bus:run()
  end
  return bus, one, two, three, join_again
end

local function forget(bus, member)
  member.replica:forget()
  bus:take(member)
end

describe("a replica's member that forgets its state", function()
  it("learns it from the others", function()
    local bus, _, _, three, join_again = with_wrong_state()
    forget(bus, three)
    assert.is_true(three.effects.rejoin)
    assert.same({}, three.state)
    join_again()
    assert.equal("ready ready ready", bus:statuses())
    assert.same({ "a" }, three.state)
  end)

  it("claims nothing before it has joined again", function()
    local bus, _, _, three = with_wrong_state()
    bus:run()
    forget(bus, three)
    bus:each(function(each) each.replica:time(20) end)
    for _, item in ipairs(bus.queue) do
      assert.is_true(item.from ~= "3:30")
    end
    assert.equal("blocked", three.replica.status)
  end)

  it("blocks the others only until it has left", function()
    local bus, one, _, three = with_wrong_state()
    forget(bus, three)
    bus:submit(one, "b")
    bus:run()
    assert.is_nil(one.replies.b)
    bus:remove "3:30"
    bus:run()
    assert.equal("ok", one.replies.b)
  end)

  it("does not have its state chosen because of an earlier claim", function()
    local bus, _, _, three, join_again = with_wrong_state()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    forget(bus, three)
    bus:run()
    join_again()
    bus:wait(5)
    assert.equal("ready ready ready", bus:statuses())
    assert.same({ "a" }, three.state)
  end)

  it("ends its commands that were sent as uncertain, and sends the others", function()
    local bus, one, _, three, join_again = with_wrong_state()
    bus:submit(three, "b")
    forget(bus, three)
    bus:submit(three, "c")
    assert.same({ b = "uncertain" }, three.replies)
    assert.same({ b = "differed" }, three.causes)
    join_again()
    assert.same({ b = "uncertain", c = "ok" }, three.replies)
    assert.same({ "a", "b", "c" }, one.state)
    assert.same({ "a", "b", "c" }, three.state)
  end)

  it("submits again after it has forgotten twice", function()
    local bus, one, _, three, join_again = with_wrong_state()
    for _, command in ipairs { "b", "c" } do
      forget(bus, three)
      join_again()
      bus:submit(three, command)
      bus:run()
      assert.equal("ok", three.replies[command])
    end
    assert.same({ "a", "b", "c" }, one.state)
  end)
end)
