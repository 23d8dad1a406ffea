local cmap = require "corosync.cmap"
local handles = require "spec.helpers.handles"
local maps = require "spec.helpers.maps"

local open, new_key, cmapctl, recorder = maps.open, maps.new_key, maps.cmapctl, maps.recorder

local dispatch_until, receive, fails = handles.dispatch_until, handles.receive, handles.fails

local LONGEST = 16384 -- bytes of a value
local PREFIX = "spec.cmap."
local LAST = "spec.last" -- a key of no spec's
local key_count = 0

-- Where whole numbers end that a number of this Lua holds exactly.
local EXACT = math.type and math.maxinteger or 2 ^ 53
local LEAST = math.type and math.mininteger or -2 ^ 53

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

after_each(maps.clean)

describe("map:track", function()
  it("reports added, modified and deleted keys with their values and types", function()
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

  it("reports values of every type", function()
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

  it("reports changes by another program", function()
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

  it("reports a key and those below it; with a prefix only the keys below it", function()
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

  it("reports all keys for \"\"", function()
    local map, record, track = recorder()
    track ""
    local one, other = new_key(), "other" .. key_count
    assert(map:set(one, 1, "u8"))
    assert(map:set(other, 1, "u8"))
    assert(map:delete(other))
    dispatch_until(map, function() return #record == 3 end)
    assert.same({ one, other, other }, keys_of(record))
  end)

  it("calls each tracker's own handler", function()
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

  it("reports nothing after cancel, which can be called twice", function()
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

  it("drops changes that were queued when the tracker was cancelled", function()
    local map, record, track = recorder()
    local key = new_key()
    local tracker = track(key, "cancelled")
    assert(map:set(key, 1, "u8"))
    assert.is_true(map:fetch(60))
    assert.is_true(tracker:cancel())
    dispatch_to_end(map)
    assert.same({}, record)
    assert.equal(1, (map:get(key)))
  end)

  it("drops a cancelled tracker's changes that the daemon still held, but not those of other trackers", function()
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

  it("drops a cancelled tracker's changes from receive and fetch as well", function()
    local map = open()
    local key = new_key()
    local cancelled = assert(map:track(key))
    assert(map:set(key, 1, "u8"))
    assert(map:fetch(60))
    assert(map:set(key, 2))
    assert(cancelled:cancel())
    assert(map:track(key))
    assert(map:set(key, 3))
    assert.same({ "change", "modify", key, 3, 2, "u8", "u8" }, { receive(map) })
    assert.equal(0, select("#", map:receive()))
    assert.is_false(map:fetch())
  end)

  it("can be cancelled in its own handler", function()
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
    assert(map:fetch(60))
    assert(map:set(key, 3))
    dispatch_to_end(map)
    assert.equal(1, calls)
    assert.equal(101, (map:get(key)))
  end)

  it("allows a handler to cancel another tracker and to create new ones", function()
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

  it("continues when the tracker's variable has been collected", function()
    local map, record, track = recorder()
    local key = new_key()
    track(key)
    collectgarbage()
    collectgarbage()
    assert(map:set(key, 1, "u8"))
    collectgarbage()
    dispatch_until(map, function() return #record == 1 end)
  end)

  it("keeps its map alive; both are collected together", function()
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
    local deadline = os.time() + 60
    while stats:get "stats.ipcs.global.closed" == before do
      assert(os.time() < deadline, "the connection is still there")
    end
  end)

  it("reports a handler's error with a traceback and continues", function()
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
      assert.matches("track_spec.lua:%d+: value " .. i .. "\nstack traceback:", errors[i])
    end
  end)

  it("allows a handler to close the map, which drops queued changes", function()
    local map, calls, answers = open(), 0, {}
    local key, tracker = new_key(), nil
    tracker = assert(map:track(key, function()
      calls = calls + 1
      answers = { map:close(), tracker:cancel(), select(3, map:get(key)) }
    end))
    for i = 1, 3 do
      assert(map:set(key, i, "u8"))
    end
    local deadline = os.time() + 60
    while calls == 0 and os.time() < deadline do
      map:wait(1)
      assert(map:dispatch())
    end
    assert.equal(1, calls)
    assert.same({ true, true, "closed" }, answers)
    fails("closed", map:dispatch())
  end)

  it("allows cancel after the map was closed", function()
    local map, _, track = recorder()
    local tracker = track(new_key())
    map:close()
    assert.is_true(tracker:cancel())
    assert.is_true(tracker:cancel())
    assert.matches("(cancelled)", tostring(tracker), 1, true)
  end)

  it("needs no handler when receive is used", function()
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

  it("without a handler is skipped by dispatch", function()
    local map, record, track = recorder()
    local key = new_key()
    assert(map:track(key))
    track(key)
    assert(map:set(key, 1, "u8"))
    dispatch_until(map, function() return #record == 1 end)
    assert.same({ 0, false }, { map:dispatch() })
  end)

  it("shares the budget of dispatch among trackers", function()
    local map, record, track = recorder()
    local key = new_key()
    track(key)
    for i = 1, 5 do
      assert(map:set(key, i, "u8"))
    end
    assert.is_true(map:wait(60))
    assert.same({ 2, true }, { map:dispatch(2) })
    assert.equal(2, #record)
    dispatch_until(map, function() return #record == 5 end)
    for i = 1, 5 do
      assert.equal(i, record[i].new)
    end
    assert.same({ 0, false }, { map:dispatch() })
  end)

  it("fails for a malformed key, and the message contains it", function()
    local map = open()
    assert.matches("'a b'", fails("invalid_param", map:track("a b", print)), 1, true)
    assert.matches("'spec\\000'", fails("invalid_param", map:track("spec\0", print)), 1, true)
    fails("name_too_long", map:track(("k"):rep(256), print))
    assert.is_userdata((map:track(("k"):rep(255), print)))
  end)

  it("raises for a handler that is not a function and for a method call on another type", function()
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

  it("leaves nothing behind when a thousand trackers are cancelled", function()
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

  it("reports large new and old values to fifty trackers", function()
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
