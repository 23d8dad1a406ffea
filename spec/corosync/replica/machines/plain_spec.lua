-- Plain values: what they may have, and their digests.
local core = require "corosync.core"
local plain = require "corosync.replica.machines.plain"

-- Returns a table with the entries 1 to 1000, which were added in an order that depends on the seed.
local function table_with(seed)
  local made = {}
  for i = 1, 1008 do
    local key = (i * seed) % 1009
    if key <= 1000 then
      made["key" .. key] = key * 0.5
    end
  end
  return made
end

describe("a digest of a plain value", function()
  it("does not depend on the order of keys", function()
    local expected = plain.digest(table_with(1))
    for seed = 2, 100 do
      assert.equal(expected, plain.digest(table_with(seed)))
    end
  end)

  it("depends on keys, values and their types", function()
    local seen = {}
    local values = { {}, { 1 }, { "1" }, { true }, { a = 1 }, { a = { b = 1 } }, { { a = 1 } }, { a = {} }, "", 1, "1" }
    for _, value in ipairs(values) do
      local digest = plain.digest(value)
      assert.is_nil(seen[digest])
      seen[digest] = true
    end
  end)

  it("is the same for numbers that MessagePack or another Lua changes", function()
    local zero = plain.digest { 0 }
    assert.equal(zero, plain.digest { -1 / math.huge })
    assert.equal(zero, plain.digest { 5e-324 })
    assert.equal(zero, plain.digest { -2.2250738585072009e-308 })
    assert.not_equal(zero, plain.digest { 2.2250738585072014e-308 })
    local nan = math.huge - math.huge
    assert.equal(plain.digest { nan }, plain.digest { -nan })
  end)

  it("is nil for a value with more entries, or kilobytes, than allowed", function()
    assert.is_number(plain.digest({ 1, 2, { 3 } }, 4))
    assert.is_nil(plain.digest({ 1, 2, { 3 } }, 3))
    assert.is_number(plain.digest({ ("x"):rep(2048) }, 3))
    assert.is_nil(plain.digest({ ("x"):rep(4096) }, 3))
  end)
end)

describe("the values of a list", function()
  it("have the same digest together as one by one", function()
    local list = { "ab", nil, 3, true, {}, "ab" }
    local expected = 5
    for i = 1, 6 do
      expected = core.digest(expected, list[i])
    end
    assert.equal(expected, core.digest_each(5, list, 1, 6))
    assert.equal(expected, core.digest_each(core.digest_each(5, list, 1, 2), list, 3, 6))
    assert.equal(5, core.digest_each(5, list, 3, 2))
  end)
end)

describe("a plain value", function()
  it("has a limited number of entries, also if it contains one table many times", function()
    local value = {}
    for _ = 1, 60 do
      value = { value, value }
    end
    assert.matches("a table with too many entries", plain.check(value, nil, 1000))
    assert.is_nil(plain.check({ { 1 }, { 2 } }, nil, 4))
  end)

  it("has no functions, metatables, cycles or keys of other types", function()
    local own = {}
    own.x = own
    assert.matches("contains itself", plain.check(own))
    assert.equal("field .a.b is a function", plain.check { a = { b = print } })
    assert.matches("metatable", plain.check { setmetatable({}, {}) })
    assert.matches("boolean as a key", plain.check { [true] = 1 })
  end)
end)
