local log = require "corosync.replica.protocol.log"

local function hash(digest, each)
  for _, data in ipairs(each.list) do
    digest = (digest * 31 + data + each.seq) % 1000003
  end
  return digest
end

-- Returns a batch of the given commands, or of one.
local function batch(client, seq, ...)
  return { client = client, seq = seq, list = ... and { ... } or { 0 } }
end

-- Lets the log apply commands up to an index. Returns { data, index } for each.
local function apply(made, last)
  local applied = {}
  local each, index = made:next(last)
  while each do
    for i, data in ipairs(each.list) do
      applied[#applied + 1] = { data, index + i - 1 }
    end
    each, index = made:next(last)
  end
  return applied
end

describe("the log of a replica", function()
  it("gives commands ascending indices and applies them in their order", function()
    local made = log.new(100, hash)
    assert.is_true(made:append(batch("a", 1, 7)))
    assert.is_true(made:append(batch("b", 1, 8)))
    assert.same({ { 7, 101 } }, apply(made, 101))
    assert.same({ { 8, 102 } }, apply(made, 102))
    assert.same({}, apply(made, 102))
  end)

  it("gives each command of a batch an index", function()
    local made = log.new(100, hash)
    made:append(batch("a", 1, 7, 8))
    made:append(batch("b", 1, 9))
    assert.equal(103, made.index)
    assert.same({ { 7, 101 }, { 8, 102 } }, apply(made, 102))
    assert.same({ { 9, 103 } }, apply(made, 103))
  end)

  it("appends a batch once, and none before its predecessor", function()
    local made = log.new(0, hash)
    assert.is_false(made:append(batch("a", 2)))
    assert.is_true(made:append(batch("a", 1)))
    assert.is_false(made:append(batch("a", 1)))
    assert.is_true(made:append(batch("a", 2)))
    assert.equal(2, made.index)
  end)

  it("agrees with a log that has the same commands", function()
    local one, other = log.new(0, hash), log.new(0, hash)
    for seq = 1, 3 do
      one:append(batch("a", seq, seq))
      other:append(batch("a", seq, seq == 3 and 9 or seq))
    end
    assert.is_true(one:agrees(2, other.digests[2]))
    assert.is_false(one:agrees(3, other.digest))
    assert.is_false(one:agrees(4, one.digest))
  end)

  it("says whether a command waits to be applied", function()
    local made = log.new(0, hash)
    made:append(batch("a", 1))
    assert.is_true(made:waiting("a")[1])
    apply(made, 1)
    assert.is_nil(made:waiting("a")[1])
  end)

  it("gives commands that nobody has applied new indices", function()
    local made = log.new(0, hash)
    for seq = 1, 4 do
      made:append(batch("a", seq, seq))
    end
    apply(made, 1)
    made:move(2, 50)
    assert.equal(52, made.index)
    made:append(batch("a", 5, 5))
    assert.same({ { 2, 2 }, { 3, 51 }, { 4, 52 }, { 5, 53 } }, apply(made, 53))
  end)

  it("gives batches that nobody has applied new indices", function()
    local made = log.new(0, hash)
    made:append(batch("a", 1, 1, 2))
    made:append(batch("b", 1, 3, 4))
    made:append(batch("b", 2, 5))
    made:move(2, 50)
    assert.same({ 53, { a = 2, b = 53 } }, { made.index, made.used })
    assert.is_true(made:agrees(53, made.digest))
    assert.same({ { 1, 1 }, { 2, 2 }, { 3, 51 }, { 4, 52 }, { 5, 53 } }, apply(made, 53))
  end)

  it("gives them the same indices whatever a member has applied itself", function()
    local logs = { log.new(0, hash), log.new(0, hash) }
    for i, made in ipairs(logs) do
      made:append(batch("a", 1, 1))
      made:move(0, 40)
      apply(made, i == 1 and 41 or 0)
      made:move(41, 80)
      made:move(41, 90)
      made:append(batch("a", 2, 2))
      assert.same({ 91, made.digest }, { made.index, logs[1].digest })
    end
    assert.same({ { 2, 91 } }, apply(logs[1], 91))
    assert.same({ { 1, 41 }, { 2, 91 } }, apply(logs[2], 91))
  end)

  it("keeps the order in which it forgets clients when their commands move", function()
    local made = log.new(0, hash, 2)
    made:append(batch("a", 1))
    made:append(batch("b", 1))
    made:move(0, 10)
    assert.same({ a = 11, b = 12 }, made.used)
  end)

  it("restores a snapshot to an equal log", function()
    local made = log.new(10, hash)
    made:append(batch("a", 1, 5))
    made:append(batch("b", 1, 6))
    apply(made, 11)
    made:move(12, 40)
    made:append(batch("a", 2, 7))
    local restored = log.restore(made:snapshot(), hash)
    assert.is_false(restored:append(batch("b", 1, 6)))
    assert.equal(made.digest, restored.digest)
    assert.same({ { 6, 12 }, { 7, 41 } }, apply(restored, 41))
    assert.is_true(made:waiting("b")[1])
  end)

  it("forgets the client whose last command is the oldest", function()
    local made = log.new(0, hash, 2)
    made:append(batch("a", 1))
    made:append(batch("b", 1))
    made:append(batch("a", 2))
    made:append(batch("c", 1))
    assert.is_nil(made.last.b)
    assert.equal(1, made.forgotten)
    assert.is_true(made:append(batch("a", 3)))
    assert.is_false(made:append(batch("b", 2)))
  end)
end)
