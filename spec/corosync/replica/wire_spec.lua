-- The protocol's messages as bytes.
local codec = require "corosync.replica.codec"
local wire = require "corosync.replica.wire"

local function write(...)
  local found = {}
  local writer = wire.writer(function(bytes) found[#found + 1] = bytes end)
  for _, message in ipairs { ... } do
    writer:add(message)
  end
  writer:flush()
  return found
end

local function read(list)
  local found = {}
  for _, bytes in ipairs(list) do
    assert(wire.read(bytes, function(message) found[#found + 1] = message end))
  end
  return found
end

local function command(client, seq, data)
  return { kind = "command", tag = "1.8.0", client = client, seq = seq, data = data }
end

local ACK = { kind = "ack", tag = "1.29888.12", epoch = 3, changes = 1000000006, is_established = true,
  index = 1793288392192123, digest = 9007199254740991 }

describe("the wire of replicas", function()
  it("carries acknowledgements with exact numbers", function()
    assert.same({ ACK }, read(write(ACK)))
    local other = { kind = "ack", tag = "1.8.0", epoch = 0, changes = 0, is_established = false, index = 0, digest = 0 }
    assert.same({ other, ACK }, read(write(other, ACK)))
  end)

  it("carries commands that follow each other in one message", function()
    local list = { command("a", 1, "x\0\255"), command("a", 2, ""), command("b", 3, "y") }
    local bytes = write(list[1], list[2], list[3])
    assert.equal(2, #bytes)
    assert.same(list, read(bytes))
  end)

  it("carries a large command alone, so that it is not too large with small ones", function()
    local large = ("x"):rep(20000)
    local list = { command("a", 1, "x"), command("a", 2, large), command("a", 3, "y"), command("a", 4, "z") }
    local bytes = write(list[1], list[2], list[3], list[4])
    assert.equal(3, #bytes)
    assert.is_true(#bytes[2] < #large + 100)
    assert.same(list, read(bytes))
  end)

  it("keeps the order of commands and other messages", function()
    local list = { command("a", 1, "x"), ACK, command("a", 2, "y"), { kind = "restart", tag = "1.8.0" } }
    assert.same(list, read(write(list[1], list[2], list[3], list[4])))
  end)

  it("refuses messages of other versions and bytes of other kinds", function()
    local function refusal(bytes)
      local ok, why = wire.read(bytes, error)
      assert.is_nil(ok)
      return why
    end
    assert.equal("of version 7, and this is version 1", refusal((write(ACK)[1]:gsub("^a1", "a7"))))
    for _, bytes in ipairs { "", "a", "abc", "\193", write(ACK)[1] .. "x" } do
      assert.equal("not a replica's message", refusal(bytes))
    end
    local wrong = { { 1 }, { 1, 5 }, { 1, "x" }, { 1, {} }, { 1, "commands" }, { 1, "commands", "t", "c", 1 } }
    for _, value in ipairs(wrong) do
      assert.equal("not a replica's message", refusal(codec.encode(value)))
    end
  end)
end)
