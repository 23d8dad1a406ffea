local log = require "corosync.replica.protocol.log"

local function hash(digest, entry)
  return (digest * 31 + entry.data + entry.seq) % 1000003
end

local function entry(client, seq, data)
  return { client = client, seq = seq, data = data or 0 }
end

-- What the log applies up to an index: { data, index } each.
local function apply(made, last)
  local applied = {}
  local next_entry, index = made:next(last)
  while next_entry do
    applied[#applied + 1] = { next_entry.data, index }
    next_entry, index = made:next(last)
  end
  return applied
end

describe("replica log", function()
  it("gives commands ascending indices and applies them in their order", function()
    local made = log.new(100, hash)
    assert.is_true(made:append(entry("a", 1, 7)))
    assert.is_true(made:append(entry("b", 1, 8)))
    assert.same({ { 7, 101 } }, apply(made, 101))
    assert.same({ { 8, 102 } }, apply(made, 102))
    assert.same({}, apply(made, 102))
  end)

  it("appends a command once, and none before its predecessor", function()
    local made = log.new(0, hash)
    assert.is_false(made:append(entry("a", 2)))
    assert.is_true(made:append(entry("a", 1)))
    assert.is_false(made:append(entry("a", 1)))
    assert.is_true(made:append(entry("a", 2)))
    assert.equal(2, made.index)
  end)

  it("agrees with a log that has the same commands", function()
    local one, other = log.new(0, hash), log.new(0, hash)
    for seq = 1, 3 do
      one:append(entry("a", seq, seq))
      other:append(entry("a", seq, seq == 3 and 9 or seq))
    end
    assert.is_true(one:agrees(2, other.digests[2]))
    assert.is_false(one:agrees(3, other.digest))
    assert.is_false(one:agrees(4, one.digest))
  end)

  it("says whether a command waits to be applied", function()
    local made = log.new(0, hash)
    made:append(entry("a", 1))
    assert.is_true(made:is_waiting("a", 1))
    apply(made, 1)
    assert.is_false(made:is_waiting("a", 1))
  end)

  it("goes on above a raised index, after what waits", function()
    local made = log.new(0, hash)
    made:append(entry("a", 1, 5))
    made:raise(50)
    made:raise(90)
    made:raise(80)
    made:append(entry("a", 2, 6))
    assert.equal(91, made.index)
    assert.same({ { 5, 1 }, { 6, 91 } }, apply(made, 91))
  end)

  it("restores a snapshot to an equal log", function()
    local made = log.new(10, hash)
    made:append(entry("a", 1, 5))
    made:append(entry("b", 1, 6))
    apply(made, 11)
    made:raise(40)
    made:append(entry("a", 2, 7))
    local restored = log.restore(made:snapshot(), hash)
    assert.is_false(restored:append(entry("b", 1, 6)))
    assert.equal(made.digest, restored.digest)
    assert.same({ { 6, 12 }, { 7, 41 } }, apply(restored, 41))
    assert.is_true(made:is_waiting("b", 1))
  end)

  it("forgets the client whose last command is the oldest", function()
    local made = log.new(0, hash, 2)
    made:append(entry("a", 1))
    made:append(entry("b", 1))
    made:append(entry("a", 2))
    made:append(entry("c", 1))
    assert.is_nil(made.last.b)
    assert.equal(1, made.forgotten)
    assert.is_true(made:append(entry("a", 3)))
    assert.is_false(made:append(entry("b", 2)))
  end)
end)
