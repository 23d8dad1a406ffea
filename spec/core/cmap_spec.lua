-- The userdata over libcmap, on the daemon of the node that the specs run in.
local cmap = require "corosync.cmap"
local handles = require "spec.support.handles"
local process = require "spec_process"

local dispatch_until, receive, fails, codes = handles.dispatch_until, handles.receive, handles.fails, handles.codes

local LONGEST = 16384 -- bytes of a value
local PREFIX = "spec.cmap."
local LAST = "spec.last" -- a key of no spec's
local key_count = 0

-- Where whole numbers end that a number of this Lua holds exactly.
local EXACT = math.type and math.maxinteger or 2 ^ 53
local LEAST = math.type and math.mininteger or -2 ^ 53
local BEYOND = math.type and 2 ^ 63 or 2 ^ 53 + 2
local BELOW = math.type and -2 ^ 64 or -2 ^ 53 - 2

local function open(name, given)
  return handles.keep(assert(cmap.open(name, given)))
end

-- No two specs share a key.
local function new_key()
  key_count = key_count + 1
  return PREFIX .. key_count
end

local function cmapctl(arguments)
  local ok = os.execute("corosync-cmapctl " .. arguments)
  assert.is_true(ok == true or ok == 0, arguments)
end

-- A map and the events of its trackers; track(name) adds a tracker that records under a label.
local function recorder(name)
  local record, errors = {}, {}
  local map = open(name, { error = function(message) errors[#errors + 1] = message end })
  local function track(tracked, label)
    return assert(map:track(tracked, function(...)
      local event, key, new, old, new_type, old_type = ...
      record[#record + 1] = { label = label, event = event, key = key, new = new, old = old, new_type = new_type,
        old_type = old_type, count = select("#", ...) }
    end))
  end
  return map, record, track, errors
end

local function keys_of(record)
  local keys = {}
  for i, change in ipairs(record) do
    keys[i] = change.key
  end
  return keys
end

-- Handles all changes up to now: those of a map come in order.
local function dispatch_to_end(map)
  local reached = false
  local tracker = assert(map:track(LAST, function() reached = true end))
  assert(map:set(LAST, 1, "u8"))
  dispatch_until(map, function() return reached end)
  assert(map:delete(LAST))
  assert(tracker:cancel())
end

after_each(function()
  handles.close_all()
  local map = open()
  for key in assert(map:each "spec.") do
    assert(map:delete(key))
  end
  handles.close_all()
end)

describe("opening", function()
  it("takes the configuration unless told otherwise", function()
    assert.equal("lab", open():get "totem.cluster_name")
    assert.equal("lab", open("icmap"):get "totem.cluster_name")
    assert.equal("lab", open(nil, {}):get "totem.cluster_name")
  end)

  it("takes the counters", function()
    local map = open "stats"
    fails("not_exist", map:get "totem.cluster_name")
    assert.is_true(map:get "stats.ipcs.global.active" >= 1)
  end)

  it("refuses other names, unknown fields and fields of the wrong type, naming them", function()
    assert.error_matches(function() cmap.open "icmpa" end, "icmpa")
    assert.error_matches(function() cmap.open {} end, "string expected")
    assert.error_matches(function() cmap.open("icmap", { erorr = print }) end, "unknown field 'erorr'")
    assert.error_matches(function() cmap.open("icmap", { error = 1 }) end, "'error'")
    assert.error_matches(function() cmap.open("icmap", 1) end, "table expected")
  end)

  it("answers what to do when there is no daemon", function()
    local script = [[local _, message, code = require("corosync.cmap").open() print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's cmap service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)
end)

describe("an integer", function()
  local TYPES = {
    { "i8", -128, 127 }, { "u8", 0, 255 }, { "i16", -32768, 32767 }, { "u16", 0, 65535 },
    { "i32", -2147483648, 2147483647 }, { "u32", 0, 4294967295 }, { "i64", LEAST, EXACT }, { "u64", 0, EXACT },
  }

  for _, each in ipairs(TYPES) do
    local kind, least, most = each[1], each[2], each[3]

    it("of type " .. kind .. " is kept from the least to the greatest", function()
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

    it("of type " .. kind .. " refuses what is beyond, and stays", function()
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

    it("of type " .. kind .. " refuses what is no whole number, and stays", function()
      local map, key = open(), new_key()
      assert(map:set(key, 7.0, kind))
      for _, value in ipairs { 1.5, 0 / 0, "8", "", "x" } do
        fails("invalid_param", map:set(key, value))
      end
      local got = map:get(key)
      assert.equal(7, got)
    end)

    it("of type " .. kind .. " is increased and decreased to the ends of its range, and no further", function()
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

  it("that a number of this Lua cannot hold is not another number: of u64 its 20 digits, of i64 an error", function()
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

  it("changes by one only if it is one", function()
    local map = open()
    for kind, value in pairs { float = 1.5, double = 1, string = "1", binary = "1" } do
      local key = new_key()
      assert(map:set(key, value, kind))
      assert.matches("does not suit", fails("invalid_param", map:increment(key)), 1, true)
      fails("invalid_param", map:decrement(key))
      assert.equal(value, (map:get(key)))
    end
    fails("not_exist", map:increment(new_key()))
    fails("not_exist", map:decrement(new_key()))
  end)
end)

describe("a number with a fraction", function()
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

  it("is refused when it is too large, or whole and not exact", function()
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

  it("refuses integers of Lua that only an integer's type holds", function()
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

  it("is no string", function()
    local map, key = open(), new_key()
    assert(map:set(key, 1, "double"))
    fails("invalid_param", map:set(key, "1"))
    fails("invalid_param", map:set(new_key(), "1", "float"))
  end)
end)

describe("a string", function()
  it("is kept from the empty one to the longest", function()
    local map, key = open(), new_key()
    for _, value in ipairs { "", "x", "with spaces, \1 and \255", ("fifteen letters."):rep(LONGEST / 16):sub(2) } do
      assert.is_true(map:set(key, value, "string"))
      local got, kind = map:get(key)
      assert.is_true(got == value)
      assert.equal("string", kind)
    end
  end)

  it("is refused when it is longer or has a zero byte, and stays", function()
    local map, key = open(), new_key()
    assert(map:set(key, "old", "string"))
    fails("too_big", map:set(key, ("x"):rep(LONGEST)))
    fails("too_big", map:set(key, ("x"):rep(1000000)))
    assert.matches("binary", fails("invalid_param", map:set(key, "a\0b")))
    fails("invalid_param", map:set(key, "\0"))
    fails("invalid_param", map:set(key, 1))
    assert.equal("old", map:get(key))
  end)

  it("that another program made even longer is read whole", function()
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

describe("binary", function()
  it("is kept from the empty one to the longest, with any bytes", function()
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

  it("is refused when it is longer or a number", function()
    local map, key = open(), new_key()
    assert(map:set(key, "old", "binary"))
    assert.matches("16384", fails("too_big", map:set(key, ("x"):rep(LONGEST + 1))))
    fails("invalid_param", map:set(key, 1))
    assert.equal("old", map:get(key))
  end)
end)

describe("a type", function()
  it("is kept, and another one refused", function()
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

  it("is needed for a new key", function()
    local map, key = open(), new_key()
    assert.matches("give the type", fails("not_exist", map:set(key, 1)), 1, true)
    fails("not_exist", map:get(key))
  end)

  it("that does not exist raises, as do values that no type has", function()
    local map, key = open(), new_key()
    assert.error_matches(function() map:set(key, 1, "u128") end, "u128")
    assert.error_matches(function() map:set(key, 1, {}) end, "string expected")
    for _, value in ipairs { {}, true, print, map } do
      assert.error_matches(function() map:set(key, value, "u8") end, "a number or a string")
    end
    assert.error_matches(function() map:set(key) end, "a number or a string")
  end)
end)

describe("a key", function()
  it("is 3 to 255 letters, digits and any of ._-/:", function()
    local map = open()
    for _, key in ipairs { PREFIX .. "aZ09._-/:", PREFIX .. ("k"):rep(255 - #PREFIX) } do
      assert.is_true(map:set(key, 1, "u8"))
      assert.equal(1, (map:get(key)))
    end
    finally(function() assert(open():delete "spe") end)
    assert.is_true(map:set("spe", 1, "u8"))
  end)

  it("that cannot be one is refused by every method, naming it", function()
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

  it("raises when it is no string", function()
    local map = open()
    for _, method in ipairs { "get", "set", "delete", "increment", "decrement", "track" } do
      assert.error_matches(function() map[method](map, {}, 1, "u8") end, "string expected")
      assert.error_matches(function() map[method](map) end, "string expected")
    end
    assert.error_matches(function() map:each {} end, "string expected")
  end)

  it("that does not exist is said to", function()
    local map, key = open(), new_key()
    assert.matches(key, fails("not_exist", map:get(key)), 1, true)
    assert.matches(key, fails("not_exist", map:delete(key)), 1, true)
  end)

  it("is deleted", function()
    local map, key = open(), new_key()
    assert(map:set(key, 1, "u8"))
    assert.is_true(map:delete(key))
    fails("not_exist", map:get(key))
    fails("not_exist", map:delete(key))
  end)

  it("that is read-only stays", function()
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

describe("iteration", function()
  local map, values

  before_each(function()
    map = open()
    values = { [PREFIX .. "one.a"] = 1, [PREFIX .. "one.b"] = "text", [PREFIX .. "two"] = 2.5 }
    assert(map:set(PREFIX .. "one.a", 1, "u16"))
    assert(map:set(PREFIX .. "one.b", "text", "string"))
    assert(map:set(PREFIX .. "two", 2.5, "double"))
  end)

  it("gives the keys with a prefix, their values and types", function()
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

  it("gives nothing for what no key begins with", function()
    local next_key = assert(map:each(PREFIX .. "three"))
    assert.is_nil((next_key()))
    assert.is_nil((next_key()))
  end)

  it("gives all keys without a prefix", function()
    local found = {}
    for key, value in assert(map:each()) do
      found[key] = value
    end
    assert.equal("lab", found["totem.cluster_name"])
    assert.equal(2.5, found[PREFIX .. "two"])
  end)

  it("is also what pairs does", function()
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

  it("may be left early, and done side by side", function()
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

  it("allows the map to be changed, and closed", function()
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

  it("refuses what no key begins with, naming it", function()
    assert.matches("'a b'", fails("invalid_param", map:each "a b"), 1, true)
    assert.matches("'spec\\000'", fails("invalid_param", map:each "spec\0"), 1, true)
    fails("name_too_long", map:each(("k"):rep(256)))
    assert.is_function(map:each(("k"):rep(255)))
  end)

  it("reads many keys with big values", function()
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

describe("the counters", function()
  it("are listed with their types", function()
    local map, count = open "stats", 0
    for key, value, kind in assert(map:each "stats.") do
      assert.matches("^stats%.", key)
      assert.is_not_nil(value)
      assert.is_string(kind)
      count = count + 1
    end
    assert.is_true(count > 10)
  end)

  it("are read-only", function()
    local map = open "stats"
    fails("access", map:set("stats.ipcs.global.closed", 1))
    fails("access", map:delete "stats.ipcs.global.closed")
    fails("access", map:increment "stats.ipcs.global.closed")
  end)

  it("are set to 0 by stats.clear.all", function()
    open():close()
    local map = open "stats"
    assert.is_true(map:get "stats.ipcs.global.closed" > 0)
    assert.is_true(map:set("stats.clear.all", 1, "u32"))
    assert.equal(0, (map:get "stats.ipcs.global.closed"))
    fails("not_exist", map:get "stats.clear.all")
  end)

  it("can be tracked as they come and go", function()
    local map, record, track = recorder "stats"
    track "stats.ipcs."
    local other = open()
    dispatch_until(map, function() return #record > 0 end)
    assert.equal("add", record[1].event)
    assert.matches("^stats%.ipcs%.", record[1].key)
    other:close()
    dispatch_until(map, function() return record[#record].event == "delete" end)
  end)

  it("that come have no old value, and those that go no new one", function()
    local map, record, track = recorder "stats"
    track "stats.ipcs."
    open():close()
    dispatch_until(map, function() return #record > 0 and record[#record].event == "delete" end)
    local first, last = record[1], record[#record]
    assert.same({ "add", "nil" }, { first.event, type(first.old) })
    assert.is_string(first.new_type)
    assert.is_nil(first.old_type)
    assert.is_nil(last.new)
    assert.is_nil(last.new_type)
    assert.is_nil(last.old)
    assert.is_nil(last.old_type)
  end)

  it("are told when they are modified to who tracks that very one", function()
    local map, record, track = recorder "stats"
    local other = open()
    track "stats.ipcs.global.closed"
    local before = map:get "stats.ipcs.global.closed"
    other:close()
    dispatch_until(map, function() return #record > 0 end)
    assert.is_true(record[1].new > before)
    record[1].new = nil
    assert.same({ event = "modify", key = "stats.ipcs.global.closed", new_type = "u64", count = 6 }, record[1])
  end)
end)

describe("a tracker", function()
  it("is told of what is added, modified and deleted, with values and types", function()
    local map, record, track = recorder()
    local key = new_key()
    track(key)
    assert(map:set(key, 1, "u8"))
    assert(map:set(key, 2))
    assert(map:increment(key))
    assert(map:delete(key))
    assert(map:set(key, "text", "string"))
    assert(map:set(key, "text")) -- no change
    assert(map:set(key, ""))
    dispatch_until(map, function() return #record == 6 end)
    assert.same({
      { event = "add", key = key, new = 1, new_type = "u8", count = 6 },
      { event = "modify", key = key, new = 2, old = 1, new_type = "u8", old_type = "u8", count = 6 },
      { event = "modify", key = key, new = 3, old = 2, new_type = "u8", old_type = "u8", count = 6 },
      { event = "delete", key = key, old = 3, old_type = "u8", count = 6 },
      { event = "add", key = key, new = "text", new_type = "string", count = 6 },
      { event = "modify", key = key, new = "", old = "text", new_type = "string", old_type = "string", count = 6 },
    }, record)
  end)

  it("gets the values of every type", function()
    local map, record, track = recorder()
    local base = new_key()
    local VALUES = { i8 = -128, u8 = 255, i16 = -32768, u16 = 65535, i32 = -2147483648, u32 = 4294967295, i64 = LEAST,
      u64 = EXACT, float = 0.5, double = 0.1, string = "text", binary = "a\0b\255" }
    track(base)
    local count = 0
    for kind, value in pairs(VALUES) do
      count = count + 1
      assert(map:set(base .. "." .. kind, value, kind))
      assert(map:delete(base .. "." .. kind))
    end
    dispatch_until(map, function() return #record == 2 * count end)
    for i = 1, #record, 2 do
      local added, deleted = record[i], record[i + 1]
      assert.equal(base .. "." .. added.new_type, added.key)
      assert.is_true(added.new == VALUES[added.new_type], added.new_type)
      assert.is_true(deleted.old == VALUES[added.new_type], added.new_type)
      assert.equal(added.new_type, deleted.old_type)
      VALUES[added.new_type] = nil
    end
    assert.same({}, VALUES)
  end)

  it("hears of what another program does", function()
    local map, record, track = recorder()
    local key = new_key()
    track(key)
    cmapctl(("-s %s u8 5"):format(key))
    cmapctl(("-s %s str text"):format(key)) -- gives it another type
    cmapctl(("-s %s u64 18446744073709551615"):format(key)) -- which no number of Lua can hold
    cmapctl(("-d %s"):format(key))
    dispatch_until(map, function() return #record == 4 end)
    assert.same({
      { event = "add", key = key, new = 5, new_type = "u8", count = 6 },
      { event = "modify", key = key, new = "text", old = 5, new_type = "string", old_type = "u8", count = 6 },
      { event = "modify", key = key, new = "18446744073709551615", old = "text", new_type = "u64",
        old_type = "string", count = 6 },
      { event = "delete", key = key, old = "18446744073709551615", old_type = "u64", count = 6 },
    }, record)
  end)

  it("of a key is for it and the keys below it, of a prefix only for those below", function()
    local map, record, track = recorder()
    local shop = new_key()
    local changed = { shop, shop .. ".stock", shop .. ".stock.apples", shop .. "s", shop .. "-x", PREFIX .. "x" }
    track(shop, "key")
    track(shop .. ".", "prefix")
    track(shop .. ".sto", "beginning")
    for _, key in ipairs(changed) do
      assert(map:set(key, 1, "u8"))
    end
    dispatch_to_end(map)
    local seen = { key = {}, prefix = {}, beginning = {} }
    for _, change in ipairs(record) do
      table.insert(seen[change.label], change.key)
    end
    assert.same({ key = { shop, shop .. ".stock", shop .. ".stock.apples" },
      prefix = { shop .. ".stock", shop .. ".stock.apples" }, beginning = {} }, seen)
  end)

  it("of \"\" is for all keys", function()
    local map, record, track = recorder()
    track ""
    local one, other = new_key(), "other" .. key_count
    assert(map:set(one, 1, "u8"))
    assert(map:set(other, 1, "u8"))
    assert(map:delete(other))
    dispatch_until(map, function() return #record == 3 end)
    assert.same({ one, other, other }, keys_of(record))
  end)

  it("tracks beside others, each with its own handler", function()
    local map, record, track = recorder()
    local key, other = new_key(), new_key()
    track(key, "first")
    track(other, "of another key")
    track(key, "second")
    track(PREFIX, "of all")
    assert(map:set(key, 1, "u8"))
    dispatch_to_end(map)
    local labels = {}
    for i, change in ipairs(record) do
      labels[i] = change.label
      assert.same({ key, 1, "u8" }, { change.key, change.new, change.new_type })
    end
    table.sort(labels)
    assert.same({ "first", "of all", "second" }, labels)
  end)

  it("tells nothing once it is cancelled, which it may be twice", function()
    local map, record, track = recorder()
    local key = new_key()
    local tracker = track(key)
    assert(map:set(key, 1, "u8"))
    dispatch_until(map, function() return #record == 1 end)
    assert.matches("^corosync.cmap.tracker '" .. key:gsub("%.", "%%.") .. "' %(tracking%)", tostring(tracker))
    assert.is_true(tracker:cancel())
    assert.is_true(tracker:cancel())
    assert.matches("(cancelled)", tostring(tracker), 1, true)
    assert(map:set(key, 2))
    dispatch_to_end(map)
    assert.equal(1, #record)
  end)

  it("tells nothing of what had arrived when it was cancelled", function()
    local map, record, track = recorder()
    local key = new_key()
    local tracker = track(key, "cancelled")
    assert(map:set(key, 1, "u8"))
    assert.is_true(map:fetch(5))
    assert.is_true(tracker:cancel())
    dispatch_to_end(map)
    assert.same({}, record)
    assert.equal(1, (map:get(key)))
  end)

  it("tells nothing of what waited at the daemon when it was cancelled, and the others tell all", function()
    local map, record, track = recorder()
    local key = new_key()
    local cancelled = track(key, "cancelled")
    track(key, "kept")
    local also = track(key, "also cancelled")
    assert(map:set(key, 1, "u8"))
    assert(map:set(key, 2))
    assert.is_true(cancelled:cancel())
    assert.is_true(also:cancel())
    assert(map:set(key, 3))
    dispatch_until(map, function() return #record == 3 end)
    for i, change in ipairs(record) do
      assert.same({ "kept", i }, { change.label, change.new })
    end
    dispatch_to_end(map)
    assert.equal(3, #record)
    assert.is_true(map:set(key, 4))
  end)

  it("is passed over by receive and fetch, too, when it was cancelled", function()
    local map = open()
    local key = new_key()
    local cancelled = assert(map:track(key))
    assert(map:set(key, 1, "u8"))
    assert(map:fetch(5))
    assert(map:set(key, 2))
    assert(cancelled:cancel())
    assert(map:track(key))
    assert(map:set(key, 3))
    assert.same({ "change", "modify", key, 3, 2, "u8", "u8" }, { receive(map) })
    assert.equal(0, select("#", map:receive()))
    assert.is_false(map:fetch())
  end)

  it("may be cancelled in its own handler", function()
    local map, calls = open(), 0
    local key, tracker = new_key(), nil
    tracker = assert(map:track(key, function()
      calls = calls + 1
      assert(map:set(key, 100))
      assert(tracker:cancel())
      assert(map:set(key, 101))
    end))
    assert(map:set(key, 1, "u8"))
    assert(map:set(key, 2))
    assert(map:fetch(5))
    assert(map:set(key, 3))
    dispatch_to_end(map)
    assert.equal(1, calls)
    assert.equal(101, (map:get(key)))
  end)

  it("may be cancelled in another's handler, and new ones made", function()
    local map, seen = open(), {}
    local key, second = new_key(), nil
    local first = assert(map:track(key, function(_, _, new)
      seen[#seen + 1] = "first " .. new
      if second then
        second:cancel()
        second = nil
        assert(map:track(key, function(_, _, later) seen[#seen + 1] = "third " .. later end))
      end
    end))
    second = assert(map:track(key .. "x", function() seen[#seen + 1] = "second" end))
    assert(map:set(key, 1, "u8"))
    assert(map:set(key .. "x", 1, "u8"))
    dispatch_until(map, function() return #seen > 0 end)
    assert(map:set(key, 2))
    dispatch_to_end(map)
    table.sort(seen)
    assert.same({ "first 1", "first 2", "third 2" }, seen)
    assert(first:cancel())
  end)

  it("tracks on when its variable is gone", function()
    local map, record, track = recorder()
    local key = new_key()
    track(key)
    collectgarbage()
    collectgarbage()
    assert(map:set(key, 1, "u8"))
    collectgarbage()
    dispatch_until(map, function() return #record == 1 end)
  end)

  it("keeps its map, and nothing when both are forgotten", function()
    local stats = open "stats"
    local weak = setmetatable({}, { __mode = "k" })
    local key = new_key()
    do
      local map = assert(cmap.open())
      local tracker = assert(map:track(key, function() return map end))
      weak[map], weak[tracker] = true, true
      map = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.matches("tracking", tostring(tracker))
      assert.is_not_nil(next(weak))
    end
    local before = stats:get "stats.ipcs.global.closed"
    for _ = 1, 4 do
      collectgarbage()
    end
    assert.is_nil(next(weak))
    local deadline = os.time() + 10
    while stats:get "stats.ipcs.global.closed" == before do
      assert(os.time() < deadline, "the connection is still there")
    end
  end)

  it("reports its handler's error with a traceback, and goes on", function()
    local map, _, _, errors = recorder()
    local key, seen = new_key(), 0
    assert(map:track(key, function(_, _, new)
      seen = seen + 1
      error("value " .. new)
    end))
    for i = 1, 3 do
      assert(map:set(key, i, "u8"))
    end
    dispatch_until(map, function() return seen == 3 end)
    assert.equal(3, #errors)
    for i = 1, 3 do
      assert.matches("cmap_spec.lua:%d+: value " .. i .. "\nstack traceback:", errors[i])
    end
  end)

  it("may close its map in its handler, which drops what waits", function()
    local map, calls, answers = open(), 0, {}
    local key, tracker = new_key(), nil
    tracker = assert(map:track(key, function()
      calls = calls + 1
      answers = { map:close(), tracker:cancel(), select(3, map:get(key)) }
    end))
    for i = 1, 3 do
      assert(map:set(key, i, "u8"))
    end
    local deadline = os.time() + 10
    while calls == 0 and os.time() < deadline do
      map:wait(1)
      assert(map:dispatch())
    end
    assert.equal(1, calls)
    assert.same({ true, true, "closed" }, answers)
    fails("closed", map:dispatch())
  end)

  it("is cancelled after its map was closed without an error", function()
    local map, _, track = recorder()
    local tracker = track(new_key())
    map:close()
    assert.is_true(tracker:cancel())
    assert.is_true(tracker:cancel())
    assert.matches("(cancelled)", tostring(tracker), 1, true)
  end)

  it("needs no handler for receive", function()
    local map, key = open(), new_key()
    assert(map:track(key))
    assert.equal(0, select("#", map:receive()))
    assert(map:set(key, 1, "u8"))
    assert(map:set(key, 2))
    assert(map:delete(key))
    assert.same({ "change", "add", key, 1, nil, "u8", nil }, { receive(map) })
    assert.same({ "change", "modify", key, 2, 1, "u8", "u8" }, { receive(map) })
    assert.same({ "change", "delete", key, nil, 2, nil, "u8" }, { receive(map) })
    assert.equal(0, select("#", map:receive()))
  end)

  it("without a handler is passed over by dispatch", function()
    local map, record, track = recorder()
    local key = new_key()
    assert(map:track(key))
    track(key)
    assert(map:set(key, 1, "u8"))
    dispatch_until(map, function() return #record == 1 end)
    assert.same({ 0, false }, { map:dispatch() })
  end)

  it("shares dispatch's budget with all", function()
    local map, record, track = recorder()
    local key = new_key()
    track(key)
    for i = 1, 5 do
      assert(map:set(key, i, "u8"))
    end
    assert.is_true(map:wait(5))
    assert.same({ 2, true }, { map:dispatch(2) })
    assert.equal(2, #record)
    dispatch_until(map, function() return #record == 5 end)
    for i = 1, 5 do
      assert.equal(i, record[i].new)
    end
    assert.same({ 0, false }, { map:dispatch() })
  end)

  it("ends with its name when that cannot be one", function()
    local map = open()
    assert.matches("'a b'", fails("invalid_param", map:track("a b", print)), 1, true)
    assert.matches("'spec\\000'", fails("invalid_param", map:track("spec\0", print)), 1, true)
    fails("name_too_long", map:track(("k"):rep(256), print))
    assert.is_userdata((map:track(("k"):rep(255), print)))
  end)

  it("raises for a handler that is no function, and for another's methods", function()
    local map = open()
    for _, handler in ipairs { 1, "print", {}, true } do
      assert.error_matches(function() map:track(new_key(), handler) end, "function expected")
    end
    local tracker = assert(map:track(new_key()))
    assert.error_matches(function() tracker.cancel(map) end, "tracker")
    assert.error_matches(function() map.get(tracker, "totem.version") end, "corosync.cmap")
    assert.error_matches(function() map.set(handles.open(), "totem.version", 1) end, "corosync.cmap")
    assert.equal("locked", getmetatable(tracker))
  end)

  it("may be one of a thousand, which leave nothing when they are cancelled", function()
    local map, record, track = recorder()
    local key = new_key()
    local weak, trackers = setmetatable({}, { __mode = "k" }), {}
    for i = 1, 1000 do
      trackers[i] = track(key, i)
      weak[trackers[i]] = true
    end
    assert(map:set(key, 1, "u8"))
    dispatch_until(map, function() return #record == 1000 end)
    local told = {}
    for _, change in ipairs(record) do
      told[change.label] = true
    end
    for i = 1, 1000 do
      assert.is_true(told[i])
    end
    for i = 1, 1000 do
      assert.is_true(trackers[i]:cancel())
      trackers[i] = nil
    end
    assert(map:set(key, 2))
    dispatch_to_end(map)
    assert.equal(1000, #record)
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("gets big values, the new and the old one, as do fifty others", function()
    local map, count = open(), 0
    local key = new_key()
    local old, new = ("old\0"):rep(LONGEST / 4), ("\255new"):rep(LONGEST / 4)
    assert(map:set(key, old, "binary"))
    for _ = 1, 50 do
      assert(map:track(key, function(event, _, new_value, old_value)
        assert(event == "modify" and new_value == new and old_value == old)
        count = count + 1
        collectgarbage "step"
      end))
    end
    assert(map:set(key, new))
    dispatch_until(map, function() return count == 50 end)
  end)
end)

describe("two maps", function()
  it("live side by side, each told of the other's changes", function()
    local one, record, track = recorder()
    local other, other_record, other_track = recorder()
    local key = new_key()
    track(key)
    other_track(key)
    assert(one:set(key, 1, "u8"))
    assert(other:set(key, 2))
    dispatch_until(one, function() return #record == 2 end)
    dispatch_until(other, function() return #other_record == 2 end)
    assert.same(record, other_record)
    assert.is_true(one:close())
    assert(other:set(key, 3))
    dispatch_until(other, function() return #other_record == 3 end)
    assert.equal(2, #record)
  end)

  it("may be dispatched and closed in each other's handlers", function()
    local one, other, seen = open(), open(), {}
    local key = new_key()
    assert(other:track(key, function(_, _, new) seen[#seen + 1] = "other " .. new end))
    assert(one:track(key, function(_, _, new)
      seen[#seen + 1] = "one " .. new
      dispatch_until(other, function() return #seen > 1 end)
      other:close()
    end))
    assert(one:set(key, 1, "u8"))
    dispatch_until(one, function() return #seen == 2 end)
    assert.same({ "one 1", "other 1" }, seen)
    fails("closed", other:dispatch())
  end)
end)

local METHODS = { "dispatch", "receive", "fetch", "wait", "fd", "each" }
local KEY_METHODS = { "get", "delete", "increment", "decrement", "track" }

-- The code of each method, by name.
local function all_codes(map, key)
  local answers = codes(map, METHODS)
  for _, method in ipairs(KEY_METHODS) do
    answers[method] = select(3, map[method](map, key)) or "none"
  end
  answers.set = select(3, map:set(key, 1, "u8")) or "none"
  return answers
end

describe("a closed map", function()
  it("answers \"closed\" from every method that needs the connection", function()
    local map = open()
    assert.is_true(map:close())
    assert.is_true(map:close())
    local answers, count = all_codes(map, new_key()), 0
    for method, code in pairs(answers) do
      assert.equal("closed", code, method)
      count = count + 1
    end
    assert.equal(12, count)
    assert.matches("^corosync.cmap %(closed%)", tostring(map))
  end)

  it("is closed by a to-be-closed variable", function()
    if _VERSION < "Lua 5.4" then
      return pending "no to-be-closed variables here"
    end
    local chunk = assert(load "local open = ... local map <close> = open() return map")
    assert.matches("closed", tostring(chunk(open)))
  end)
end)

describe("a forked child", function()
  it("is refused every method, and its end leaves the parent's connection working", function()
    local map, record, track = recorder()
    local key = new_key()
    local tracker = track(key)
    local weak = setmetatable({ [map] = true }, { __mode = "k" })
    -- It has the map, too.
    track = nil -- luacheck: ignore 311
    assert(map:set(key, 1, "u8"))
    assert(map:fetch(5))
    local status = process.fork(function()
      local count = 0
      for _, code in pairs(all_codes(map, key)) do
        if code ~= "wrong_process" then
          return false
        end
        count = count + 1
      end
      local refused = select(3, tracker:cancel()) == "wrong_process" and select(3, map:close()) == "wrong_process"
        and tostring(tracker):find "tracking"
      map, tracker, handles.made = nil, nil, nil
      collectgarbage()
      collectgarbage()
      return refused and count == 12 and next(weak) == nil
    end)
    assert.equal(0, status)
    assert(map:set(key, 2))
    dispatch_until(map, function() return #record == 2 end)
    assert.same({ 1, 2 }, { record[1].new, record[2].new })
    assert.is_true(tracker:cancel())
  end)
end)
