local protocol = require "corosync.replica.protocol"
local replica_bus = require "spec.helpers.replica_bus"

-- A bus whose members store. `member.stored` is what storage has, `member.state_stored` the machine's snapshot of the
-- base, and `member.sent` a list of { kind, index, promised }: what was stored when a message was sent.
local function new_bus(nodes)
  local bus = replica_bus.new(nodes)
  local carry_out = bus.carry_out

  local function store(member, effect)
    local stored = member.stored
    if effect[2] == "entry" then
      table.insert(stored.entries, { effect[3], effect[4] })
    elseif effect[2] == "meta" then
      stored.meta = effect[3]
    else
      member.stored = member.replica:stored_base()
      member.stored.entries, member.state_stored = {}, table.concat(member.state, " ")
    end
  end

  function bus:carry_out(member, effect)
    member.stored, member.sent = member.stored or { entries = {} }, member.sent or {}
    if effect[1] == "store" then
      store(member, effect)
    elseif effect[1] == "send" then
      local last = member.stored.entries[#member.stored.entries]
      table.insert(member.sent, { kind = effect[2].kind, index = last and last[1],
        promised = member.stored.meta and member.stored.meta.promised })
    end
    carry_out(self, member, effect)
  end
  return bus
end

local function three_members()
  local bus = new_bus(3)
  local list = {}
  for i, address in ipairs { "1:10", "2:20", "3:30" } do
    list[i] = bus:add(address, { durable = true })
  end
  bus:run()
  bus:wait(6)
  return bus, list
end

local function last_sent(member, kind)
  for i = #member.sent, 1, -1 do
    if member.sent[i].kind == kind then
      return member.sent[i]
    end
  end
end

-- Starts new processes with what the members of another bus have stored, on a later ring.
local function restart(list, count)
  local bus, members = new_bus(3), {}
  bus.ring = { node = 1, seq = 12 }
  for i = 1, count do
    local old = list[i]
    members[i] = bus:add(old.address .. "0", { durable = true, stored = old.stored })
    members[i].stored = old.stored
    for word in (old.state_stored or ""):gmatch "%S+" do
      table.insert(members[i].state, word)
    end
  end
  bus:run()
  return bus, members
end

describe("a replica with storage", function()
  it("stores a command before it acknowledges it", function()
    local bus, list = three_members()
    bus:submit(list[1], "a")
    bus:run_to "commands"
    assert.equal(list[2].replica.log.index, last_sent(list[2], "ack").index)
  end)

  it("stores what it has promised before it says that it is ready", function()
    local bus, list = three_members()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run_to "ready"
    assert.same({ start = 0, seq = 12, round = 1, epoch = 0, stored = true }, last_sent(list[2], "ready").promised)
  end)

  -- A bus with one member, whose syncs end when the spec calls the function.
  local function slow_disk()
    local bus = new_bus(1)
    local member = bus:add("1:10", { durable = true })
    bus:run()
    local syncs, carry_out = {}, bus.carry_out
    function bus:carry_out(other, effect)
      if effect[1] == "sync" then
        table.insert(syncs, effect)
      else
        carry_out(self, other, effect)
      end
    end
    return bus, member, function()
      carry_out(bus, member, table.remove(syncs, 1))
      bus:take(member)
    end
  end

  it("confirms a command when it is synced, and not before", function()
    local bus, member, sync = slow_disk()
    bus:submit(member, "a")
    bus:run()
    assert.is_nil(member.replies.a)
    sync()
    assert.equal("ok", member.replies.a)
  end)

  it("does not count a sync that was begun before its generation", function()
    local bus, member, sync = slow_disk()
    bus:submit(member, "a")
    bus:run()
    bus:change_ring()
    bus:each(function(each) bus:settle(each) end)
    bus:run()
    sync()
    assert.is_nil(member.replies.a)
    sync()
    assert.equal("ok", member.replies.a)
  end)

  it("has its state again when a majority is back", function()
    local bus, list = three_members()
    for _, data in ipairs { "a", "b" } do
      bus:submit(list[1], data)
      bus:run()
    end
    local again, members = restart(list, 2)
    assert.equal("ready ready", again:statuses())
    assert.same({ "a", "b" }, members[1].state)
    again:submit(members[2], "c")
    again:run()
    assert.same({ "a", "b", "c" }, members[1].state)
  end)

  it("does not go on, nor begin afresh, when one member is back", function()
    local _, list = three_members()
    local bus = restart(list, 1)
    bus:wait(20)
    assert.equal("blocked", bus:statuses())
    assert.matches("^too few nodes have a state: ", bus.members["1:100"].replica.reason)
  end)

  it("begins afresh with a majority of empty storages only after a while", function()
    local bus = new_bus(3)
    bus:add("1:10", { durable = true })
    bus:add("2:20", { durable = true })
    bus:run()
    assert.equal("blocked blocked", bus:statuses())
    bus:wait(7)
    assert.equal("ready ready", bus:statuses())
  end)

  it("stores the state that it has learned", function()
    local bus, list = three_members()
    bus:submit(list[1], "a")
    bus:run()
    bus:remove "3:30"
    bus:run()
    local learner = bus:add("3:31", { durable = true })
    bus:run()
    assert.equal("a", learner.state_stored)
    assert.same(learner.replica.generation, learner.stored.meta.generation)
  end)

  it("skips stored commands that the base has already", function()
    local machine = { reset = function() end }
    local function hash(digest, batch) return digest + batch.seq end
    local first = { client = "a", seq = 1, list = { "a" } }
    local log = require("corosync.replica.protocol.log").new(4, hash)
    log:append(first)
    local second = { client = "a", seq = 2, list = { "b", "c" } }
    local made = protocol.new { address = "1:10", incarnation = "x", machine = machine, hash = hash, now = 0,
      durable = true, stored = { meta = {}, log = log:snapshot(), entries = { { 5, first }, { 7, second } } } }
    assert.equal(7, made.log.index)
  end)
end)
