local handles = require "spec.helpers.handles"
local maps = require "spec.helpers.maps"

local open, new_key = maps.open, maps.new_key

local fails = handles.fails

local LONGEST = 16384 -- bytes of a value
local PREFIX = "spec.cmap."

after_each(maps.clean)

describe("a cmap key", function()
  it("has 3 to 255 characters: letters, digits and ._-/:", function()
    local map = open()
    for _, key in ipairs { PREFIX .. "aZ09._-/:", PREFIX .. ("k"):rep(255 - #PREFIX) } do
      assert.is_true(map:set(key, 1, "u8"))
      assert.equal(1, (map:get(key)))
    end
    finally(function() assert(open():delete "spe") end)
    assert.is_true(map:set("spe", 1, "u8"))
  end)

  it("fails in every method when it is malformed, and the message contains it", function()
    local map = open()
    local BAD = {
      { "", "''", "invalid_param" }, { "ab", "'ab'", "invalid_param" }, { "a b c", "'a b c'", "invalid_param" },
      { "abc\0def", "'abc\\000def'", "invalid_param" }, { "sch\195\182n", "'sch\\195\\182n'", "invalid_param" },
      { "it's", "'it\\039s'", "invalid_param" }, { "a%b", "'a%b'", "invalid_param" },
      { PREFIX .. ("k"):rep(256 - #PREFIX), PREFIX .. "k", "name_too_long" },
      { ("k"):rep(100000), "'kkk", "name_too_long" },
    }
    for _, bad in ipairs(BAD) do
      local key, shown, code = bad[1], bad[2], bad[3]
      local messages = { fails(code, map:set(key, 1, "u8")) }
      for _, method in ipairs { "get", "delete", "increment", "decrement" } do
        messages[#messages + 1] = fails(code, map[method](map, key))
      end
      for _, message in ipairs(messages) do
        assert.matches(shown, message, 1, true)
        assert.is_true(#message < 500)
      end
    end
  end)

  it("raises when it is not a string", function()
    local map = open()
    for _, method in ipairs { "get", "set", "delete", "increment", "decrement", "track" } do
      assert.error_matches(function() map[method](map, {}, 1, "u8") end, "string expected")
      assert.error_matches(function() map[method](map) end, "string expected")
    end
    assert.error_matches(function() map:each {} end, "string expected")
  end)

  it("fails with not_exist when it is missing", function()
    local map, key = open(), new_key()
    assert.matches(key, fails("not_exist", map:get(key)), 1, true)
    assert.matches(key, fails("not_exist", map:delete(key)), 1, true)
  end)

  it("can be deleted", function()
    local map, key = open(), new_key()
    assert(map:set(key, 1, "u8"))
    assert.is_true(map:delete(key))
    fails("not_exist", map:get(key))
    fails("not_exist", map:delete(key))
  end)

  it("that is read-only can be neither set nor deleted", function()
    local map = open()
    local name, number = "totem.cluster_name", "runtime.config.totem.token"
    local before = assert(map:get(number))
    assert.matches(name .. "': the key is read-only", fails("access", map:set(name, "other")), 1, true)
    fails("access", map:delete(name))
    fails("access", map:set(number, 1))
    fails("access", map:increment(number))
    fails("access", map:decrement(number))
    assert.equal("lab", map:get(name))
    assert.equal(before, (map:get(number)))
  end)
end)

describe("map:each", function()
  local map, values

  before_each(function()
    map = open()
    values = { [PREFIX .. "one.a"] = 1, [PREFIX .. "one.b"] = "text", [PREFIX .. "two"] = 2.5 }
    assert(map:set(PREFIX .. "one.a", 1, "u16"))
    assert(map:set(PREFIX .. "one.b", "text", "string"))
    assert(map:set(PREFIX .. "two", 2.5, "double"))
  end)

  it("returns the keys with a prefix, their values and types", function()
    local found, kinds = {}, {}
    for key, value, kind in assert(map:each(PREFIX)) do
      assert.is_nil(found[key])
      found[key], kinds[key] = value, kind
    end
    assert.same(values, found)
    assert.same({ [PREFIX .. "one.a"] = "u16", [PREFIX .. "one.b"] = "string", [PREFIX .. "two"] = "double" }, kinds)
    local few = {}
    for key in assert(map:each(PREFIX .. "one")) do
      few[#few + 1] = key
    end
    table.sort(few)
    assert.same({ PREFIX .. "one.a", PREFIX .. "one.b" }, few)
  end)

  it("returns nothing when no key has the prefix", function()
    local next_key = assert(map:each(PREFIX .. "three"))
    assert.is_nil((next_key()))
    assert.is_nil((next_key()))
  end)

  it("returns all keys without a prefix", function()
    local found = {}
    for key, value in assert(map:each()) do
      found[key] = value
    end
    assert.equal("lab", found["totem.cluster_name"])
    assert.equal(2.5, found[PREFIX .. "two"])
  end)

  it("does the same as pairs", function()
    if _VERSION == "Lua 5.1" then
      return pending "no __pairs here"
    end
    local found, kinds = {}, {}
    for key, value, kind in pairs(map) do -- luacheck: ignore
      found[key], kinds[key] = value, kind
    end
    for key, value, kind in assert(map:each()) do
      if key:find(PREFIX, 1, true) or key:find("totem.", 1, true) == 1 then
        assert.equal(value, found[key])
        assert.equal(kind, kinds[key])
      end
    end
    map:close()
    assert.error_matches(function() pairs(map) end, "cannot list the cmap keys.*closed")
  end)

  it("can be left early, and two iterations can run side by side", function()
    for _ = 1, 100 do
      local key
      for found in assert(map:each(PREFIX)) do
        key = found
        if key then
          break
        end
      end
      assert.is_not_nil(key)
    end
    local one, other = assert(map:each(PREFIX)), assert(map:each(PREFIX))
    for _ = 1, 4 do
      assert.same({ one() }, { other() })
    end
    assert.is_nil((one()))
  end)

  it("allows the map to be changed or closed meanwhile", function()
    local count = 0
    for key in assert(map:each(PREFIX)) do
      count = count + 1
      assert(map:delete(key))
      assert(map:set(key .. ".new", count, "u8"))
    end
    assert.equal(3, count)
    count = 0
    for key, value in assert(map:each(PREFIX)) do
      map:close()
      assert.matches("%.new$", key)
      assert.is_number(value)
      count = count + 1
    end
    assert.equal(3, count)
  end)

  it("fails for a malformed prefix, and the message contains it", function()
    assert.matches("'a b'", fails("invalid_param", map:each "a b"), 1, true)
    assert.matches("'spec\\000'", fails("invalid_param", map:each "spec\0"), 1, true)
    fails("name_too_long", map:each(("k"):rep(256)))
    assert.is_function(map:each(("k"):rep(255)))
  end)

  it("reads many keys with large values", function()
    local big = ("0123456789abcdef"):rep(LONGEST / 16)
    for i = 1, 150 do
      assert(map:set(PREFIX .. "big." .. i, big, "binary"))
    end
    local count = 0
    for key, value in assert(map:each(PREFIX .. "big.")) do
      assert.is_true(value == big, key)
      count = count + 1
    end
    assert.equal(150, count)
  end)
end)
