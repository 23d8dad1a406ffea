local replica_bus = require "spec.helpers.replica_bus"

-- Submits commands together. Returns the messages that the member then sends.
local function submit(bus, member, list, size)
  for _, data in ipairs(list) do
    member.replica:submit(data, data, size or #data)
  end
  bus:take(member)
  local sent = {}
  for i, item in ipairs(bus.queue) do
    sent[i] = item.message
  end
  return sent
end

-- Returns how many acknowledgements of a member are among the waiting messages.
local function acks_of(bus, member)
  local count = 0
  for _, item in ipairs(bus.queue) do
    count = count + (item.from == member.address and item.message.kind == "ack" and 1 or 0)
  end
  return count
end

local function numbers(count)
  local list = {}
  for i = 1, count do
    list[i] = tostring(i)
  end
  return list
end

describe("a member's commands", function()
  local bus, one, two

  before_each(function() bus, one, two = replica_bus.three_members() end)

  it("are sent in one message if they were submitted together, and each gets its own result", function()
    local sent = submit(bus, one, { "a", "b", "c" })
    assert.equal(1, #sent)
    assert.same({ "a", "b", "c" }, sent[1].list)
    bus:run()
    assert.same({ a = "ok", b = "ok", c = "ok" }, one.replies)
    assert.same({ "a", "b", "c" }, two.state)
    assert.equal(3, two.replica.log.applied - two.replica.log.origin)
  end)

  it("are sent in several messages if there are many, or long ones", function()
    assert.equal(2, #submit(bus, one, numbers(257)))
    bus:run()
    assert.equal(257, #two.state)
    local sent = submit(bus, one, { "a", "b", "c" }, 7000)
    assert.same({ { "a", "b" }, { "c" } }, { sent[1].list, sent[2].list })
    bus:run()
    assert.equal(2, #submit(bus, one, { "d", "e" }, 20000))
    bus:run()
    assert.equal("e", two.state[262])
  end)

  it("are acknowledged by their member with the next ones, or when they are confirmed", function()
    submit(bus, one, { "a" })
    bus:run_to "commands"
    assert.same({ 0, 1 }, { acks_of(bus, one), acks_of(bus, two) })
    submit(bus, one, { "b" })
    assert.equal(1, acks_of(bus, one))
    bus:run_to "commands"
    assert.equal(0, acks_of(bus, one))
    bus:run_to "ack"
    bus:run_to "ack"
    assert.same({ "ok", 1 }, { one.replies.b, acks_of(bus, one) })
    bus:run()
    assert.same({ "a", "b" }, two.state)
  end)

  it("are acknowledged by their member at once if commands of others come in between", function()
    submit(bus, one, { "a" })
    submit(bus, two, { "b" })
    bus:run_to "commands"
    assert.same({ 0, 1 }, { acks_of(bus, one), acks_of(bus, two) })
    bus:run_to "commands"
    assert.same({ 1, 1 }, { acks_of(bus, one), acks_of(bus, two) })
    bus:run()
    assert.same({ "ok", "ok" }, { one.replies.a, two.replies.b })
  end)

  it("are acknowledged by their member after a while although another one is silent", function()
    bus.members["3:30"].stopped = true
    submit(bus, one, { "a" })
    bus:run()
    one.replica:time(1)
    bus:take(one)
    assert.equal(1, acks_of(bus, one))
    bus:run()
    bus:wait(7)
    assert.equal("ok", one.replies.a)
    assert.is_true(two.replica.active.full[one.address])
  end)

  it("can be given up one by one", function()
    local alone = replica_bus.new(3)
    local member = alone:add "1:10"
    submit(alone, member, { "a", "b", "c" })
    member.replica:give_up { b = true }
    alone:take(member)
    assert.same({ b = "not_ready" }, member.replies)
    alone:add "2:20"
    alone:run()
    assert.same({ a = "ok", b = "not_ready", c = "ok" }, member.replies)
    submit(alone, member, { "d", "e" })
    member.replica:give_up { d = true }
    alone:run()
    assert.same({ "uncertain", "ok" }, { member.replies.d, member.replies.e })
    assert.same({ "a", "c", "d", "e" }, member.state)
  end)
end)
