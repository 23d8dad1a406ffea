-- The protocol's messages as bytes.
local codec = require "corosync.replica.codec"
local wire = require "corosync.replica.member.wire"

local function write(...)
  local found = {}
  local writer = wire.writer(function(bytes, _, ack) found[#found + 1] = (ack or "") .. bytes end)
  for _, message in ipairs { ... } do
    writer:add(message)
  end
  writer:flush()
  return found
end

local function read(list)
  local found = {}
  for _, bytes in ipairs(list) do
    local message, second = wire.read(bytes)
    found[#found + 1] = assert(message, second)
    found[#found + 1] = second
  end
  return found
end

local function commands(client, seq, ...)
  return { kind = "commands", tag = "1.8.0", client = client, seq = seq, list = { ... } }
end

local ACK = { kind = "ack", tag = "1.29888.12", epoch = 3, changes = 1000000006, is_established = true,
  index = 1793288392192123, digest = 9007199254740991 }

describe("the encoding of a replica's messages", function()
  it("keeps the numbers of acknowledgements exact", function()
    assert.same({ ACK }, read(write(ACK)))
    local other = { kind = "ack", tag = "1.8.0", epoch = 0, changes = 0, is_established = false, index = 0, digest = 0 }
    assert.same({ other, ACK }, read(write(other, ACK)))
  end)

  it("keeps commands of any bytes and length", function()
    local list = { commands("1:10#a.b#0", 1, "x\0\255", "", "1 2\n3"),
      commands("b", 9007199254740991, ("x"):rep(20000)), commands("b", 3, "") }
    local bytes = write(list[1], list[2], list[3])
    assert.equal(3, #bytes)
    assert.is_true(#bytes[2] < 20100)
    assert.same(list, read(bytes))
  end)

  it("puts an acknowledgement into one message with the commands that follow it", function()
    local batch = commands("a", 1, "x", "y")
    local bytes = write(ACK, batch)
    assert.equal(1, #bytes)
    assert.same({ ACK, batch }, read(bytes))
  end)

  it("keeps the order of messages", function()
    local list = { commands("a", 1, "x"), ACK, { kind = "restart", tag = "1.8.0" }, ACK, commands("a", 2, "y"),
      { kind = "restart", tag = "1.8.0" }, ACK }
    assert.same(list, read(write((table.unpack or unpack)(list)))) -- luacheck: ignore 113
  end)

  it("refuses messages of other versions and bytes of other kinds", function()
    local function refusal(bytes)
      local message, why = wire.read(bytes)
      assert.is_nil(message)
      return why
    end
    local batch, both = write(commands("a", 1, "xy", "z"))[1], write(ACK, commands("a", 1, "xy", "z"))[1]
    local other = "of version 7 of the protocol, not 2"
    assert.equal(other, refusal((write(ACK)[1]:gsub("^a2", "a7"))))
    assert.equal(other, refusal((batch:gsub("^c2", "c7"))))
    assert.equal(other, refusal((both:gsub("\nc2", "\nc7"))))
    assert.equal(other, refusal(codec.encode { 7, { kind = "restart" } }))
    local strange = { "", "a", "abc", "c", "\193", write(ACK)[1] .. "x", batch .. "x", batch:sub(1, -2),
      both:sub(1, -2), (batch:gsub(" 2 1\n", "\n")), (batch:gsub(" 2 1\n", " \n")),
      (batch:gsub(" 2 1\n", " 99999999999999999999\n")), codec.encode { 2, ACK },
      codec.encode { 2, commands("a", 1, "x") } }
    local many = {}
    for i = 1, 10000 do -- more than Lua 5.1 takes as arguments
      many[i] = "x"
    end
    strange[#strange + 1] = write { kind = "commands", tag = "1.8.0", client = "a", seq = 1, list = many }[1]
    for _, bytes in ipairs(strange) do
      assert.equal("not a replica's message", refusal(bytes))
    end
    for _, value in ipairs { {}, { 2 }, { 2, 5 }, { 2, "x" }, { 2, {} } } do
      assert.equal("not a replica's message", refusal(codec.encode(value)))
    end
  end)
end)
