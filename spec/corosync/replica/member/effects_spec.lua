-- Effects that must wait: callers of a member whose storage has failed, and effects at which memory runs out.
local callers = require "corosync.replica.member.callers"
local commands = require "corosync.replica.protocol.commands"
local effects = require "corosync.replica.member.effects"
local outbox = require "corosync.replica.member.outbox"
local recording = require "corosync.replica.recording"
local replicas = require "spec.helpers.replicas"
local storages = require "spec.helpers.storages"
local wire = require "corosync.replica.member.wire"

describe("a command of a member whose storage has failed", function()
  local app, list, code, message

  before_each(function()
    app = replicas.new { storage = storages.path(), timeout = 1, error = function() end }
    list, code = replicas.list(app), nil
    replicas.ready(app)
    replicas.member(app).keeper.commit = function() return nil, "no space" end
    assert.is_true(list:submit("a", function(_, ...) message, code = ... end))
    assert(replicas.eventually(function() return select(6, app:status()) == "no space" end))
  end)

  after_each(function()
    replicas.clean()
    storages.remove()
  end)

  local function ends() return code ~= nil end

  it("is uncertain after its timeout, although the storage still fails", function()
    assert(replicas.eventually(ends))
    assert.equal("uncertain", code)
    assert.matches("the command was sent but not confirmed in time: no space; it may have been applied", message)
  end)

  it("is uncertain after its timeout if it was applied, and its result waits for storage", function()
    local protocol = replicas.member(app).protocol
    local batch = protocol.pending[protocol.oldest]
    commands.applied(protocol, { client = protocol.client, seq = batch.seq }, { 1 })
    assert(replicas.eventually(ends))
    assert.equal("uncertain", code)
    assert.matches("its result still waits for this member's storage: no space; it may have been applied", message)
  end)

  it("was surely not applied if it was submitted after that", function()
    assert(replicas.eventually(ends))
    code = nil
    assert.is_true(list:submit("b", function(_, _, why) code = why end))
    assert(replicas.eventually(ends))
    assert.equal("not_ready", code)
  end)

  it("is uncertain when the replica is closed", function()
    assert.is_true(app:close())
    assert(replicas.eventually(ends))
    assert.equal("uncertain", code)
    assert.matches("the command was sent, but the replica was closed before it was confirmed; it may have", message)
  end)
end)

describe("effects, if memory runs out,", function()
  local NO_MEMORY = "not enough memory"
  local member, protocol, done, fails

  -- A message that can be sent, or cannot as long as `fails` is set.
  local function send(name, can_fail)
    return { "send", { kind = name, can_fail = can_fail } }
  end

  before_each(function()
    done, fails = {}, true
    protocol = { out = {}, flush = function() end, has_confirmed = function() return false end }
    local writer = { flush = function() end }
    function writer.add(_, message)
      if message.can_fail and fails then error(NO_MEMORY, 0) end
      done[#done + 1] = message.kind
    end
    local record = { state = "idle", handlers = {}, object = {} }
    member = { protocol = protocol, writer = writer, record = record, machines = {}, outbox = outbox.new(),
      callers = callers.new("spec", record, function() end) }
  end)

  local function told(name)
    return member.callers:add("submit to", function(...) done[#done + 1] = name .. " " .. tostring((...)) end, 0)
  end

  it("are carried out by the next turn, each once, and in order", function()
    protocol.out = { send "a", send("b", true), { "reply", { told "c" }, { 1 } }, send "d" }
    for _ = 1, 2 do
      assert.error(function() effects.drain(member) end, NO_MEMORY)
      assert.same({ "a" }, done)
    end
    fails = false
    table.insert(protocol.out, send "e")
    effects.drain(member)
    effects.drain(member)
    assert.same({ "a", "b", "c 1", "d", "e" }, done)
    assert.same({}, protocol.out)
  end)

  it("are kept while the waiting of callers ends", function()
    function protocol.flush()
      protocol.out = { send "a", send("b", true) }
      protocol.flush = function() end
    end
    function protocol.give_up(self)
      assert.is_true(#self.out <= 1)
      if fails then error(NO_MEMORY, 0) end
    end
    assert.error(function() effects.give_up(member, {}) end, NO_MEMORY)
    assert.error(function() effects.give_up(member, {}) end, NO_MEMORY)
    fails = false
    effects.drain(member)
    assert.same({ "a", "b" }, done)
  end)

  it("tell a caller its result later, once", function()
    local caller, finish = told "a", recording.finish
    caller.operation = {}
    function recording.finish() error(NO_MEMORY, 0) end
    finally(function() recording.finish = finish end)
    protocol.out = { { "reply", { told "b", caller, told "c" }, { 1, 2, 3 } } }
    assert.error(function() effects.drain(member) end, NO_MEMORY)
    function recording.finish() end
    effects.drain(member)
    assert.same({ "b 1", "a 2", "c 3" }, done)
  end)

  it("leave out the messages of an earlier membership", function()
    member.outgoing = { cancel_all = function() end }
    protocol.out = { send "a", send("b", true), { "reply", { told "c" }, { 1 } } }
    assert.error(function() effects.drain(member) end, NO_MEMORY)
    outbox.forget(member)
    effects.drain(member)
    assert.same({ "a", "c 1" }, done)
  end)

  it("send an acknowledgement later, which waits for commands", function()
    local put = {}
    local writer = wire.writer(function(bytes)
      if fails then error(NO_MEMORY, 0) end
      put[#put + 1] = bytes
    end)
    writer:add { kind = "ack", tag = "t", epoch = 1, changes = 1, index = 1, digest = 1 }
    local batch = { kind = "commands", tag = "t", client = "c", seq = 1, list = { "x" } }
    assert.error(function() writer:add(batch) end, NO_MEMORY)
    assert.error(function() writer:flush() end, NO_MEMORY)
    fails = false
    writer:flush()
    writer:flush()
    assert.equal(1, #put)
  end)
end)
