local claims = require "corosync.replica.protocol.claims"
local replica_bus = require "spec.helpers.replica_bus"

local ONE = { copies = 1 }

local function two_members(options, other_options)
  local bus = replica_bus.new(2)
  local one, two = bus:add("1:10", options), bus:add("2:20", other_options or options)
  bus:run()
  return bus, one, two
end

local function claim(from, state, more)
  local made = { from = from, nonce = from .. "!", nodes = 3, floor = 0, standing = true, partial = false, copies = 1 }
  made.members, made.on_ring = { from }, {}
  if state then
    made.generation, made.index, made.digest = { start = 0, seq = 8, round = 1, epoch = 0 }, state, state
  end
  for key, value in pairs(more or {}) do
    made[key] = value
  end
  return made
end

local function decide(...)
  return claims.decide({ ... }, { node = 1, seq = 40 })
end

describe("a replica with one copy", function()
  it("confirms on the remaining node", function()
    local bus, one = two_members(ONE)
    bus:remove "2:20"
    bus:submit(one, "a")
    bus:run()
    assert.equal("ok", one.replies.a)
  end)

  it("goes on with one state after a change of nodes", function()
    local bus, one = two_members(ONE)
    bus:submit(one, "a")
    bus:run()
    bus:remove "2:20"
    bus:change_ring()
    bus:settle(one)
    bus:submit(one, "b")
    bus:run()
    assert.equal("ok", one.replies.b)
    local new = bus:add("2:21", ONE)
    bus:run()
    assert.equal("ready ready", bus:statuses())
    assert.same({ "a", "b" }, new.state)
  end)

  it("still waits for all full members", function()
    local bus, one, two = two_members(ONE)
    two.stopped = true
    bus:submit(one, "a")
    bus:run()
    assert.is_nil(one.replies.a)
    bus:wait(6)
    assert.equal("ok", one.replies.a)
  end)

  it("does not begin afresh with one node", function()
    local bus = replica_bus.new(2)
    local one = bus:add("1:10", ONE)
    bus:run()
    bus:wait(20)
    assert.equal("blocked", one.replica.status)
  end)

  it("needs a majority when another member needs it", function()
    local bus, one = two_members(ONE, {})
    bus:remove "2:20"
    bus:submit(one, "a")
    bus:run()
    bus:wait(10)
    assert.is_nil(one.replies.a)
  end)

  it("needs a majority as soon as a member becomes full that needs it", function()
    local bus = replica_bus.new(5)
    local one = bus:add("1:10", ONE)
    bus:add("2:20", ONE)
    bus:add("3:30", ONE)
    bus:run()
    bus:remove "2:20"
    bus:submit(one, "a")
    bus:add("4:40", {})
    bus:run()
    bus:remove "3:30"
    bus:submit(one, "b")
    bus:run()
    assert.same({ a = "ok" }, one.replies)
  end)

  it("no longer needs a majority when all full members agree", function()
    local bus, one = two_members(ONE, {})
    bus:remove "2:20"
    bus:add("2:21", ONE)
    bus:run()
    bus:remove "2:21"
    bus:submit(one, "a")
    bus:run()
    assert.equal("ok", one.replies.a)
  end)

  it("takes one state for the newest when no member is silent", function()
    assert.same({ ["1:10"] = true }, decide(claim("1:10", 5)).full)
  end)

  it("needs all states when a member is silent that may have a newer one", function()
    local members = { "1:10", "2:20", "3:30" }
    local one, two = claim("1:10", 5, { members = members }), claim("2:20", 5, { members = members })
    assert.is_nil((decide(one, two)))
    assert.is_truthy(decide(one, two, claim("3:30", 5, { members = members })))
  end)

  it("uses the greatest claimed number of copies", function()
    assert.is_nil((decide(claim("1:10", 5), claim("2:20", nil, { copies = 2 }))))
    local other = claim "2:20"
    other.copies = nil
    assert.is_nil((decide(claim("1:10", 5), other)))
    assert.is_truthy(decide(claim("1:10", 5), claim("2:20")))
  end)

  it("never needs more than a majority", function()
    local all = { copies = 9 }
    assert.is_truthy(decide(claim("1:10", 5, all), claim("2:20", 5, all)))
  end)
end)
