local replicas = require "spec.helpers.replicas"
local uv = require "luv"

describe("a replica's map", function()
  local app, map

  before_each(function()
    app = replicas.new()
    map = app:map "prices"
  end)

  after_each(replicas.clean)

  local function all_of(prefix)
    local found = {}
    for key, value in map:each(prefix) do
      found[#found + 1] = { key, value }
    end
    return found
  end

  -- Adds a watcher, and returns a list of its calls.
  local function watched(prefix)
    local told = {}
    local stop = map:watch(prefix or "", function(key, new, old, index)
      told[#told + 1] = { key, new, old }
      assert.is_number(index)
    end)
    return told, stop
  end

  local function refused(code, ok, message, got)
    assert.is_nil(ok)
    assert.equal(code, got)
    local replica = "replica '" .. app.name:gsub("%-", "%%-") .. "': "
    assert.matches("^cannot %l+ key '[^']+' of map 'prices' of " .. replica, message)
  end

  it("is shown with its name", function()
    assert.equal("corosync.replica.map 'prices'", tostring(map))
    assert.equal("corosync.replica.lock 'till'", tostring(app:lock "till"))
  end)

  describe("keeps", function()
    it("strings, numbers, booleans and tables", function()
      for i, value in ipairs { "3", "", 3, -0.5, true, false, { a = { 1, 2 }, [7] = "b" }, {} } do
        assert.is_true(map:set("key" .. i, value))
        assert.same(value, map:get("key" .. i))
      end
      assert.is_nil(map:get "none")
    end)

    it("keys of any bytes", function()
      for _, key in ipairs { "a\0b", "\255", (" "):rep(1024) } do
        assert(map:set(key, key))
        assert.equal(key, map:get(key))
      end
    end)

    it("a value of 1 MiB", function()
      assert(map:set("large", ("x"):rep(1048576)))
      assert.equal(1048576, #map:get "large")
    end)

    it("tables that the script cannot change by accident", function()
      local value = { list = { 1 } }
      assert(map:set("t", value))
      value.list[1] = 2
      map:get("t").list[1] = 3
      all_of("")[1][2].list[1] = 4
      assert.same({ list = { 1 } }, map:get "t")
    end)

    it("maps of different names separate", function()
      local other = app:map "other"
      assert(map:set("tea", 1))
      assert.is_nil(other:get "tea")
      assert(other:set("tea", 2))
      assert.equal(1, app:map("prices"):get "tea")
    end)
  end)

  it("deletes a key, even a missing one", function()
    assert(map:set("tea", 1))
    assert.is_true(map:delete "tea")
    assert.is_true(map:delete "tea")
    assert.is_nil(map:get "tea")
    assert.same({}, all_of "")
  end)

  describe("replace", function()
    it("changes a value that is as expected", function()
      assert(map:set("tea", { 1, { 2 } }))
      assert.is_true(map:replace("tea", { 1, { 2 } }, "new"))
      assert.equal("new", map:get "tea")
    end)

    it("fails with not_equal for another value", function()
      assert(map:set("tea", { 1, { 2 } }))
      for _, old in ipairs { { 1, { 3 } }, { 1 }, { 1, { 2 }, 3 }, "1", false } do
        refused("not_equal", map:replace("tea", old, "new"))
      end
      refused("not_equal", map:replace("tea", nil, "new"))
      refused("not_equal", map:replace("none", "old", "new"))
      assert.same({ 1, { 2 } }, map:get "tea")
    end)

    it("creates a key if nothing is expected", function()
      assert.is_true(map:replace("tea", nil, false))
      assert.is_false(map:get "tea")
      assert.is_true(map:replace("tea", false, true))
    end)
  end)

  describe("increment", function()
    it("counts from 0", function()
      assert.equal(1, map:increment "visits")
      assert.equal(11, map:increment("visits", 10))
      assert.equal(10.5, map:increment("visits", -0.5))
      assert.equal(10.5, map:get "visits")
    end)

    it("fails with not_a_number for other values", function()
      assert(map:set("tea", "1"))
      refused("not_a_number", map:increment("tea", 1))
      assert.equal("1", map:get "tea")
    end)

    it("fails with out_of_range where numbers are no longer exact", function()
      assert(map:set("tea", 9007199254740990))
      assert.equal(9007199254740991, map:increment("tea", 1))
      refused("out_of_range", map:increment("tea", 1))
      refused("out_of_range", map:increment("tea", 9007199254740991))
      assert.equal(-9007199254740991, map:increment("least", -9007199254740991))
      refused("out_of_range", map:increment("least", -1))
      assert(map:set("tea", 1 / 0))
      refused("out_of_range", map:increment("tea", -1))
    end)
  end)

  it("returns the keys with a prefix in order from each, as they were at the call", function()
    for _, key in ipairs { "tea", "te", "coffee", "test", "ten" } do
      assert(map:set(key, #key))
    end
    assert.same({ { "te", 2 }, { "tea", 3 }, { "ten", 3 }, { "test", 4 } }, all_of "te")
    assert.equal(5, #all_of())
    assert.same({}, all_of "x")
    local seen = {}
    for key, value in map:each "te" do
      seen[#seen + 1] = key .. value
      assert(map:delete "test" and map:set("ten", "new"))
    end
    assert.same({ "te2", "tea3", "ten3", "test4" }, seen)
  end)

  it("returns what was set before from a confirmed get", function()
    local got
    assert(map:set("tea", 1, function() end))
    assert.equal(1, map:get("tea", { confirmed = true }))
    assert.is_true(map:get("tea", { confirmed = true }, function(...) got = { ... } end))
    assert(replicas.eventually(function() return got end))
    assert.same({ 1 }, got)
    app:close()
    local value, _, code = map:get("tea", { confirmed = true })
    assert.same({ nil, "closed" }, { value, code })
  end)

  it("returns at once from a change with a callback, which gets the result", function()
    local results = {}
    local function note(...) results[#results + 1] = { ... } end
    assert.is_true(map:set("tea", 1, note))
    assert.is_true(map:set("tea", 2, {}, note))
    assert.is_true(map:increment("tea", 5, note))
    assert.is_true(map:replace("tea", 1, 2, note))
    assert.is_true(map:delete("tea", note))
    assert.is_nil(map:get "tea")
    assert(replicas.eventually(function() return #results == 5 end))
    assert.same({ { true }, { true }, { 7 }, { true } }, { results[1], results[2], results[3], results[5] })
    refused("not_equal", results[4][1], results[4][2], results[4][3])
  end)

  it("yields in a coroutine until a change is confirmed", function()
    local results = {}
    coroutine.wrap(function()
      results[1] = map:increment "visits"
      results[2] = map:increment "visits"
    end)()
    assert.same({}, results)
    assert(replicas.eventually(function() return #results == 2 end))
    assert.same({ 1, 2 }, results)
  end)

  describe("watch", function()
    it("reports each change of the keys with a prefix in order", function()
      assert(map:set("tea", 0))
      local told = watched "te"
      assert(map:set("tea", 1) and map:set("coffee", 1) and map:set("tea", 1) and map:delete "tea")
      assert(map:delete "tea" and map:increment("ten", 2) and map:replace("ten", 2, false))
      refused("not_equal", map:replace("ten", 2, true))
      assert.same({ { "tea", 1, 0 }, { "tea", 1, 1 }, { "tea", nil, 1 }, { "ten", 2 }, { "ten", false, 2 } }, told)
    end)

    it("gives the index of the command", function()
      local last = 0
      map:watch("", function(_, _, _, index)
        assert.is_true(index > last)
        last = index
      end)
      assert(map:set("a", 1) and map:set("a", 2))
      assert.equal(last, (select(3, app:status())))
    end)

    it("ends when its function is called", function()
      local told, stop = watched()
      local second = watched()
      assert(map:set("a", 1))
      stop()
      stop()
      assert(map:set("a", 2))
      assert.equal(1, #told)
      assert.equal(2, #second)
    end)

    it("may be ended and begun by a watcher", function()
      local told, stop = {}, nil
      stop = map:watch("", function(key)
        told[#told + 1] = key
        stop()
        map:watch("", function(again) told[#told + 1] = "again " .. again end)
      end)
      assert(map:set("a", 1) and map:set("b", 1))
      assert.same({ "a", "again b" }, told)
    end)

    it("reports what was stored when the member starts again", function()
      local folder, name = assert(uv.fs_mkdtemp "/tmp/map-XXXXXX"), replicas.name()
      local function start()
        local seen = {}
        app = replicas.new({ storage = folder .. "/map.db" }, name)
        map = app:map "prices"
        map:watch("", function(key, new) seen[key] = new end)
        replicas.ready(app)
        return seen
      end
      start()
      assert(map:set("a", 1))
      for _ = 1, 8 do
        assert(map:set("long", ("x"):rep(1000000))) -- together so much that a snapshot is written
      end
      assert(map:set("b", 2))
      for _ = 1, 2 do
        replicas.clean()
        local seen = start()
        assert(app:barrier())
        assert.equal(1, seen.a)
        assert.equal(2, seen.b)
      end
      replicas.clean()
      os.execute("rm -r " .. folder)
    end)

    it("goes on after an error in a watcher", function()
      local problems = {}
      replicas.clean()
      app = replicas.new { error = function(message) problems[#problems + 1] = message end }
      map = app:map "prices"
      map:watch("", function() error "on purpose" end)
      local told = watched()
      assert(map:set("a", 1))
      assert.same({ { "a", 1 } }, told)
      assert.matches("on purpose", problems[1])
    end)

    it("lets a watcher change its copy only, and submit with a callback", function()
      local done
      local stop
      stop = map:watch("", function(_, new)
        new[1] = "changed"
        stop()
        assert.is_true(map:set("b", 1, function(ok) done = ok end))
        assert.equal("dispatching", select(3, map:set("c", 1)))
      end)
      assert(map:set("a", { 1 }))
      assert(replicas.eventually(function() return done end))
      assert.same({ 1 }, map:get "a")
    end)
  end)

  describe("ttl", function()
    local function is_gone(key)
      return function() return map:get(key) == nil end
    end

    it("deletes a value after its time", function()
      local told = watched()
      assert(map:set("a", 1, { ttl = 0.3 }) and map:set("b", 2) and map:increment("c", 3, { ttl = 0.1 }))
      assert.equal(1, map:get "a")
      assert(replicas.eventually(is_gone "a"))
      assert(replicas.eventually(is_gone "c"))
      assert.equal(2, map:get "b")
      assert.equal(5, #told)
    end)

    -- `last` expires after all other values would have, had their times not been cancelled.
    it("is cancelled when the value is set again", function()
      for _, key in ipairs { "set", "longer", "deleted", "replaced", "counted" } do
        assert(map:set(key, 1, { ttl = 0.5 }))
      end
      assert(map:set("set", 2) and map:set("longer", 2, { ttl = 1000 }) and map:replace("replaced", 1, 2))
      assert(map:delete "deleted" and map:set("deleted", 2) and map:increment("counted", 1))
      assert(map:set("last", 1, { ttl = 1 }))
      assert(replicas.eventually(is_gone "last"))
      assert.same({ { "deleted", 2 }, { "longer", 2 }, { "replaced", 2 }, { "set", 2 } }, all_of "")
    end)

    it("goes on after a restart with storage", function()
      local folder, name = assert(uv.fs_mkdtemp "/tmp/map-XXXXXX"), replicas.name()
      local function start()
        app = replicas.new({ storage = folder .. "/map.db" }, name)
        map = app:map "prices"
        replicas.ready(app)
      end
      start()
      assert(map:set("a", 1) and map:set("b", 2, { ttl = 1000 }) and map:set("c", 3, { ttl = 1 }))
      replicas.clean()
      start()
      assert(app:barrier())
      assert(replicas.eventually(is_gone "c"))
      assert.same({ { "a", 1 }, { "b", 2 } }, all_of "")
      replicas.clean()
      os.execute("rm -r " .. folder)
    end)

    it("deletes more values than fit in one command", function()
      local count = 0
      for i = 1, 5000 do
        assert(map:set("key" .. i, i, { ttl = 0.1 }, function(ok) count = count + (ok and 1 or 0) end))
      end
      assert(replicas.eventually(function() return count == 5000 and map:each "key"() == nil end))
    end)
  end)

  it("refuses changes with not_holding once their lock was released or passed on", function()
    local lock = app:lock "backup"
    local held = assert(lock:acquire { timeout = 5 })
    assert.is_true(map:set("tea", 1, { holding = held }))
    assert.equal(2, map:increment("tea", 1, { holding = held }))
    assert(held:release())
    refused("not_holding", map:set("tea", 3, { holding = held }))
    local again = assert(lock:acquire { timeout = 5 })
    refused("not_holding", map:delete("tea", { holding = held }))
    assert.equal(2, map:get "tea")
    assert.is_true(map:replace("tea", 2, 3, { holding = again }))
    assert.is_true(map:delete("tea", { holding = again }))
  end)

  describe("raises for", function()
    local function raises(problem, method, ...)
      local arguments = { n = select("#", ...), ... }
      local ok, message = pcall(function()
        return map[method](map, (table.unpack or unpack)(arguments, 1, arguments.n))
      end)
      assert.is_false(ok)
      assert.matches("map_spec.lua:%d+: bad argument " .. problem, message)
    end

    it("wrong keys", function()
      for _, method in ipairs { "set", "replace", "delete", "increment", "get" } do
        raises("#1 'key' to '" .. method .. "' %(string expected, got nil%)", method)
        raises("#1 'key' to '" .. method .. "' %(1 to 1024 bytes expected, got 1025%)", method, ("x"):rep(1025))
        raises("#1 'key' to '" .. method .. "' %(1 to 1024 bytes expected, got 0%)", method, "")
      end
    end)

    it("wrong values", function()
      raises("#2 'value' to 'set' %(string, number, boolean or table expected, got nil%)", "set", "a")
      raises("#2 'value' to 'set' %(field .x is a function", "set", "a", { x = print })
      raises("#2 'value' to 'set' %(at most 1048576 bytes expected, got 1048577%)", "set", "a", ("x"):rep(1048577))
      raises("#2 'value' to 'set' %(at most 1048576 bytes expected, got %d+%)", "set", "a", { ("x"):rep(1048575) })
      raises("#3 'new' to 'replace' %(string, number, boolean or table expected, got nil%)", "replace", "a", 1)
      raises("#2 'old' to 'replace' %(", "replace", "a", print, 1)
      raises("#2 'by' to 'increment' %(number expected, got string%)", "increment", "a", "1")
      raises("#2 'by' to 'increment' %(a number between", "increment", "a", 0 / 0)
    end)

    it("wrong options and callbacks", function()
      raises("#3 'options' to 'set' %(unknown field 'tll': did you mean 'ttl'%?%)", "set", "a", 1, { tll = 3 })
      raises("#3 'options' to 'set' %(unknown field 'life'%)", "set", "a", 1, { life = 3 })
      raises("#3 'options' to 'set' %(unknown field 'hodling': did you mean 'holding'%?%)", "set", "a", 1,
        { hodling = {} })
      raises("#3 'options' to 'set' %(field 'ttl': a number of seconds above 0 expected, got 0%)", "set", "a", 1,
        { ttl = 0 })
      raises("#3 'options' to 'set' %(field 'ttl': a number of seconds above 0 expected, got string%)", "set", "a", 1,
        { ttl = "3" })
      raises("#3 'options' to 'set' %(field 'holding': the result of a lock's acquire expected", "set", "a", 1,
        { holding = {} })
      raises("#2 'options' to 'delete' %(unknown field 'ttl'%)", "delete", "a", { ttl = 1 })
      raises("#2 'options' to 'get' %(unknown field 'holding'%)", "get", "a", { holding = {} })
      raises("#4 'callback' to 'set' %(function expected, got number%)", "set", "a", 1, {}, 2)
      raises("#3 'options' to 'set' %(table expected, got number%)", "set", "a", 1, 2)
      raises("#1 'prefix' to 'each' %(string expected, got number%)", "each", 1)
      raises("#2 'changed' to 'watch' %(function expected, got nil%)", "watch", "a")
      raises("#3 'restarted' to 'watch' %(function expected, got number%)", "watch", "a", print, 1)
    end)

    it("an assignment to a field, which would change nothing on other members", function()
      assert.error_matches(function() map.tea = 3 end,
        "map 'prices' has no field 'tea': its values are changed by set")
    end)

    it("wrong names", function()
      assert.error_matches(function() app:map "" end, "bad argument #1 'name' to 'map' %(1 to 64 bytes")
    end)
  end)
end)
