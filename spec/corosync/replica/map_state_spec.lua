local deadlines = require "corosync.replica.map.deadlines"
local state = require "corosync.replica.map.state"

describe("the state of maps", function()
  local all

  before_each(function()
    all = { map = state.initial(), lock = { backup = { token = 7, holder = "1:20#a" } } }
  end)

  local function apply(at, operation, key, value, options)
    return state.apply(all, { "map", operation, "m", key, value, options }, at)
  end

  describe("with the token of a lock", function()
    local held, lost, other = { lock = "backup", token = 7 }, { lock = "backup", token = 6 }, { lock = "x", token = 7 }

    local function with_old(options, old)
      return { lock = options.lock, token = options.token, old = old }
    end

    it("is changed while the lock is held", function()
      assert.is_true(apply(1, "set", "a", 1, held))
      assert.equal(2, apply(2, "increment", "a", 1, held))
      assert.is_true(apply(3, "replace", "a", 3, with_old(held, 2)))
      assert.equal(3, all.map.m.values.a)
      assert.is_true(apply(4, "delete", "a", false, held))
      assert.same({}, all.map)
    end)

    it("refuses changes without the lock, and stays as it was", function()
      apply(1, "set", "a", 1)
      for _, options in ipairs { lost, other } do
        for operation, value in pairs { set = 2, increment = 1, delete = false, replace = 2 } do
          assert.equal("not_holding", state.refusal(apply(2, operation, "a", value, with_old(options, 1))))
        end
      end
      all.lock = nil
      assert.equal("not_holding", state.refusal(apply(3, "set", "a", 2, held)))
      assert.same({ a = 1 }, all.map.m.values)
    end)
  end)

  it("forgets empty maps", function()
    apply(1, "set", "a", 1)
    apply(2, "set", "a", false)
    apply(3, "delete", "a", false)
    assert.same({}, all.map)
  end)

  describe("lets expire", function()
    local function expire(at, key, index)
      return state.apply(all, { "map", "expire", { { "m", key, index } } }, at)
    end

    it("a value once, and only the one that was set with the time", function()
      apply(1, "set", "a", 1, { ttl = 5, deadline = 105 })
      apply(2, "set", "a", 2, { ttl = 5, deadline = 106 })
      assert.same({}, expire(3, "a", 1))
      assert.equal(2, all.map.m.values.a)
      assert.same({ { "m", "a", 2 } }, expire(4, "a", 2))
      assert.same({}, expire(5, "a", 2))
      assert.same({}, all.map)
    end)

    it("no value that no longer has a time", function()
      for key, change in pairs { a = { "set", 2 }, b = { "replace", 2, { old = 1 } } } do
        apply(1, "set", key, 1, { ttl = 5, deadline = 105 })
        apply(2, change[1], key, change[2], change[3])
        assert.same({}, expire(3, key, 1))
        assert.equal(2, all.map.m.values[key])
      end
    end)

    it("a value that was incremented", function()
      apply(1, "increment", "a", 1, { ttl = 5, deadline = 105 })
      apply(2, "increment", "a", 1)
      assert.same({ { "m", "a", 1 } }, expire(3, "a", 1))
    end)
  end)
end)

describe("deadlines", function()
  local function names(due)
    local found = {}
    for i, entry in ipairs(due) do
      found[i] = table.concat(entry, " ")
    end
    table.sort(found)
    return table.concat(found, ",")
  end

  it("are due from their time on, until they are removed", function()
    local all = deadlines.new(100)
    all:set("m", "a", 1, 101)
    all:set("m", "b", 2, 102)
    all:set("n", "a", 3, 101)
    assert.equal("", names(all:due(100.9, 10)))
    assert.equal("m a 1,n a 3", names(all:due(101, 10)))
    assert.equal("m a 1,m b 2,n a 3", names(all:due(500, 10)))
    all:remove("m", "a")
    all:remove("m", "none")
    all:remove("none", "a")
    assert.equal("m b 2,n a 3", names(all:due(500, 10)))
    assert.equal(1, #all:due(500, 1))
  end)

  it("can be set again", function()
    local all = deadlines.new(100)
    all:set("m", "a", 1, 101)
    all:set("m", "b", 2, 300)
    all:set("m", "a", 3, 200)
    all:set("m", "b", 4, 150)
    assert.equal("", names(all:due(149, 10)))
    assert.equal("m b 4", names(all:due(199, 10)))
    assert.equal("m a 3,m b 4", names(all:due(200, 10)))
  end)

  it("are due even if their time was over when they were set", function()
    local all = deadlines.new(100)
    assert.equal("", names(all:due(200, 10)))
    all:set("m", "a", 1, 150)
    assert.equal("m a 1", names(all:due(200.25, 10)))
  end)
end)
