local handles = require "spec.helpers.handles"
local maps = require "spec.helpers.maps"

local open, new_key, cmapctl, recorder = maps.open, maps.new_key, maps.cmapctl, maps.recorder

local dispatch_until, fails = handles.dispatch_until, handles.fails

local LONGEST = 16384 -- bytes of a value
local PREFIX = "spec.cmap."

-- Where whole numbers end that a number of this Lua holds exactly.
local EXACT = math.type and math.maxinteger or 2 ^ 53
local LEAST = math.type and math.mininteger or -2 ^ 53
local BEYOND = math.type and 2 ^ 63 or 2 ^ 53 + 2
local BELOW = math.type and -2 ^ 64 or -2 ^ 53 - 2

after_each(maps.clean)

describe("a cmap integer", function()
  local TYPES = {
    { "i8", -128, 127 }, { "u8", 0, 255 }, { "i16", -32768, 32767 }, { "u16", 0, 65535 },
    { "i32", -2147483648, 2147483647 }, { "u32", 0, 4294967295 }, { "i64", LEAST, EXACT }, { "u64", 0, EXACT },
  }

  for _, each in ipairs(TYPES) do
    local kind, least, most = each[1], each[2], each[3]

    it("of type " .. kind .. " is stored exactly from the minimum to the maximum", function()
      local map, key = open(), new_key()
      for _, value in ipairs { 0, 1, 100, least, most } do
        assert.is_true(map:set(key, value, kind))
        local got, got_kind = map:get(key)
        assert.is_true(got == value, tostring(got))
        assert.equal(kind, got_kind)
        if math.type then
          assert.equal("integer", math.type(got))
        end
      end
    end)

    it("of type " .. kind .. " out of range is rejected and the old value stays", function()
      local map, key = open(), new_key()
      local small = least == LEAST and BELOW or least - 1
      local great = most == EXACT and BEYOND or most + 1
      for _, value in ipairs { small, great, math.huge, -math.huge } do
        fails("out_of_range", map:set(key, value, kind))
        fails("not_exist", map:get(key))
      end
      assert(map:set(key, 7, kind))
      for _, value in ipairs { small, great, math.huge, -math.huge } do
        assert.matches(key, fails("out_of_range", map:set(key, value)), 1, true)
        assert.equal(7, map:get(key))
      end
    end)

    it("of type " .. kind .. " rejects a fractional number and the old value stays", function()
      local map, key = open(), new_key()
      assert(map:set(key, 7.0, kind))
      for _, value in ipairs { 1.5, 0 / 0, "8", "", "x" } do
        fails("invalid_param", map:set(key, value))
      end
      local got = map:get(key)
      assert.equal(7, got)
    end)

    it("of type " .. kind .. " is increased and decreased up to the limits of its range", function()
      local ENDS = {
        i8 = { "-128", "127" }, u8 = { "0", "255" }, i16 = { "-32768", "32767" }, u16 = { "0", "65535" },
        i32 = { "-2147483648", "2147483647" }, u32 = { "0", "4294967295" },
        i64 = { "-9223372036854775808", "9223372036854775807" }, u64 = { "0", "18446744073709551615" },
      }
      local map, key = open(), new_key()
      -- Numbers that some Lua cannot write are written by another program.
      cmapctl(("-s -- %s %s %s"):format(key, kind, ENDS[kind][2]))
      assert.matches(key, fails("out_of_range", map:increment(key)), 1, true)
      assert.is_true(map:decrement(key))
      assert.is_true(map:increment(key))
      fails("out_of_range", map:increment(key))
      cmapctl(("-s -- %s %s %s"):format(key, kind, ENDS[kind][1]))
      assert.matches(key, fails("out_of_range", map:decrement(key)), 1, true)
      assert.is_true(map:increment(key))
      assert.is_true(map:decrement(key))
      fails("out_of_range", map:decrement(key))
      local pipe = io.popen("corosync-cmapctl -g " .. key)
      local line = pipe:read "*l"
      pipe:close()
      assert.equal(("%s (%s) = %s"):format(key, kind, ENDS[kind][1]), line)
      assert(map:set(key, 40))
      assert.is_true(map:increment(key))
      assert.equal(41, (map:get(key)))
      assert.is_true(map:decrement(key))
      assert.is_true(map:decrement(key))
      assert.equal(39, (map:get(key)))
    end)
  end

  it("too large for a Lua number is returned as 20 digits for u64 and fails for i64", function()
    local map, key = open(), new_key()
    assert(map:set(key, EXACT, "u64"))
    assert(map:increment(key))
    local digits = math.type and "09223372036854775808" or "00009007199254740993"
    assert.same({ digits, "u64" }, { map:get(key) })
    local seen
    for found, value, kind in assert(map:each(key)) do
      seen = { found, value, kind }
    end
    assert.same({ key, digits, "u64" }, seen)
    assert(map:decrement(key))
    assert.is_true(map:get(key) == EXACT)
    assert.is_true(map:set(key, digits))
    assert.equal(digits, (map:get(key)))
    cmapctl(("-s %s u64 18446744073709551615"):format(key))
    local most = map:get(key)
    assert.equal("18446744073709551615", most)
    assert.is_true(digits < most)
    fails("out_of_range", map:increment(key))
    assert.is_true(map:set(key, "00000000000000000007"))
    assert.equal(7, (map:get(key)))
    for _, wrong in ipairs { "18446744073709551616", "-0000000000000000007", "0000000000000000000x", "7",
      "000000000000000000007", "0x000000000000000007", " 0000000000000000007", ("0"):rep(19) .. "\0" } do
      fails("invalid_param", map:set(key, wrong))
    end
    if not math.type then
      key = new_key()
      cmapctl(("-s -- %s i64 -9007199254740993"):format(key))
      assert.matches(key, fails("out_of_range", map:get(key)), 1, true)
    end
  end)

  it("can be increased by one, other types cannot", function()
    local map = open()
    for kind, value in pairs { float = 1.5, double = 1, string = "1", binary = "1" } do
      local key = new_key()
      assert(map:set(key, value, kind))
      assert.matches("does not match", fails("invalid_param", map:increment(key)), 1, true)
      fails("invalid_param", map:decrement(key))
      assert.equal(value, (map:get(key)))
    end
    fails("not_exist", map:increment(new_key()))
    fails("not_exist", map:decrement(new_key()))
  end)
end)

describe("a cmap float or double", function()
  it("is exact as a double", function()
    local map, key = open(), new_key()
    for _, value in ipairs { 0, 0.1, -1 / 3, 1.7976931348623157e308, 2 ^ -1074, 2 ^ 53, -2 ^ 63, 1e30, math.huge,
      -math.huge } do
      assert.is_true(map:set(key, value, "double"))
      local got, kind = map:get(key)
      assert.is_true(got == value, tostring(value))
      assert.equal("double", kind)
      if math.type then
        assert.equal("float", math.type(got))
      end
    end
    assert(map:set(key, 0 / 0))
    local got = map:get(key)
    assert.is_true(got ~= got)
  end)

  it("is rounded as a float", function()
    local map, key = open(), new_key()
    assert.is_true(map:set(key, 0.1, "float"))
    local got, kind = map:get(key)
    assert.equal("float", kind)
    assert.is_true(got ~= 0.1 and math.abs(got - 0.1) < 1e-8)
    for _, value in ipairs { 0.5, -0.25, 3.4028234663852886e38, 2 ^ -149, math.huge, -math.huge } do
      assert(map:set(key, value))
      assert.is_true(map:get(key) == value, tostring(value))
    end
    assert(map:set(key, 0 / 0))
    got = map:get(key)
    assert.is_true(got ~= got)
  end)

  it("is rejected when it is too large, or a whole number that would be rounded", function()
    local map, key = open(), new_key()
    assert(map:set(key, 2 ^ 24, "float"))
    for _, value in ipairs { 2 ^ 24 + 1, -2 ^ 24 - 1, 2 ^ 53 - 1, 2 ^ 53 + 2, 1e30, 3.5e38, -1e300 } do
      fails("out_of_range", map:set(key, value))
      assert.is_true(map:get(key) == 2 ^ 24)
    end
    for _, value in ipairs { 2 ^ 25, -2 ^ 53, 2 ^ 100 } do
      assert(map:set(key, value))
      assert.is_true(map:get(key) == value)
    end
  end)

  it("rejects Lua integers that only an integer type can represent", function()
    if not math.type then
      return pending "this Lua has no integers"
    end
    local map, key = open(), new_key()
    assert(map:set(key, math.mininteger, "double"))
    for _, value in ipairs { math.maxinteger, math.mininteger + 1, math.tointeger(2 ^ 53) + 1 } do
      fails("out_of_range", map:set(key, value))
    end
    assert.is_true(map:get(key) == math.mininteger)
  end)

  it("rejects a string", function()
    local map, key = open(), new_key()
    assert(map:set(key, 1, "double"))
    fails("invalid_param", map:set(key, "1"))
    fails("invalid_param", map:set(new_key(), "1", "float"))
  end)
end)

describe("a cmap string", function()
  it("is stored from length 0 to the maximum", function()
    local map, key = open(), new_key()
    for _, value in ipairs { "", "x", "with spaces, \1 and \255", ("fifteen letters."):rep(LONGEST / 16):sub(2) } do
      assert.is_true(map:set(key, value, "string"))
      local got, kind = map:get(key)
      assert.is_true(got == value)
      assert.equal("string", kind)
    end
  end)

  it("is rejected when it is longer or contains a zero byte, and the old value stays", function()
    local map, key = open(), new_key()
    assert(map:set(key, "old", "string"))
    fails("too_big", map:set(key, ("x"):rep(LONGEST)))
    fails("too_big", map:set(key, ("x"):rep(1000000)))
    assert.matches("binary", fails("invalid_param", map:set(key, "a\0b")))
    fails("invalid_param", map:set(key, "\0"))
    fails("invalid_param", map:set(key, 1))
    assert.equal("old", map:get(key))
  end)

  it("that another program made longer is read whole", function()
    local map, record, track = recorder()
    local key = new_key()
    track(PREFIX)
    cmapctl(("-s %s str $(printf %%%ds | tr ' ' x)"):format(key, LONGEST))
    local long = ("x"):rep(LONGEST)
    local got, kind = map:get(key)
    assert.is_true(got == long)
    assert.equal("string", kind)
    local found = {}
    for each, value in assert(map:each(PREFIX)) do
      found[#found + 1] = each
      assert.is_true(value == long)
    end
    assert.same({ key }, found)
    dispatch_until(map, function() return #record > 0 end)
    assert.is_true(record[1].new == long)
    assert(map:set(key, "short"))
    dispatch_until(map, function() return #record > 1 end)
    assert.is_true(record[2].old == long)
  end)
end)

describe("a cmap binary value", function()
  it("is stored from length 0 to the maximum with any bytes", function()
    local map, key = open(), new_key()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    all = table.concat(all)
    for _, value in ipairs { "", "\0", "a\0b\0", all, all:rep(LONGEST / 256), "z" } do
      assert.is_true(map:set(key, value, "binary"))
      local got, kind = map:get(key)
      assert.is_true(got == value)
      assert.equal("binary", kind)
    end
  end)

  it("is rejected when it is longer or a number", function()
    local map, key = open(), new_key()
    assert(map:set(key, "old", "binary"))
    assert.matches("16384", fails("too_big", map:set(key, ("x"):rep(LONGEST + 1))))
    fails("invalid_param", map:set(key, 1))
    assert.equal("old", map:get(key))
  end)
end)

describe("the type argument of map:set", function()
  it("is kept on later sets, and a different type is rejected", function()
    local map, key = open(), new_key()
    assert(map:set(key, 1, "i8"))
    assert(map:set(key, 2))
    assert.same({ 2, "i8" }, { map:get(key) })
    assert(map:set(key, 3, "i8"))
    assert.matches("another type", fails("invalid_param", map:set(key, 4, "u8")), 1, true)
    fails("invalid_param", map:set(key, "x", "string"))
    assert.same({ 3, "i8" }, { map:get(key) })
    assert(map:delete(key))
    assert(map:set(key, 4, "u8"))
    assert.same({ 4, "u8" }, { map:get(key) })
  end)

  it("is required for a new key", function()
    local map, key = open(), new_key()
    assert.matches("pass a type", fails("not_exist", map:set(key, 1)), 1, true)
    fails("not_exist", map:get(key))
  end)

  it("raises when it is unknown or cannot represent the value", function()
    local map, key = open(), new_key()
    assert.error_matches(function() map:set(key, 1, "u128") end, "u128")
    assert.error_matches(function() map:set(key, 1, {}) end, "string expected")
    for _, value in ipairs { {}, true, print, map } do
      assert.error_matches(function() map:set(key, value, "u8") end, "a number or a string")
    end
    assert.error_matches(function() map:set(key) end, "a number or a string")
  end)
end)
