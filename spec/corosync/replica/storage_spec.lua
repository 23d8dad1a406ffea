local files = require "spec.helpers.files"
local storage = require "corosync.replica.storage"
local storages = require "spec.helpers.storages"

describe("a replica's storage", function()
  after_each(storages.remove)

  local function reopen(store)
    store:close()
    return assert(storages.open())
  end

  it("is empty at first", function()
    local store = assert(storages.open())
    assert.is_nil(store:load())
    assert.is_nil(reopen(store):load())
  end)

  it("returns what was committed, byte by byte", function()
    local bytes = {}
    for byte = 0, 255 do
      bytes[#bytes + 1] = string.char(byte)
    end
    local all = table.concat(bytes)
    local store = assert(storages.open())
    store:set_meta(all)
    store:append(7, all)
    store:append(8, "")
    store:append(2 ^ 53, all:rep(3000)) -- longer than a row
    assert.is_true(store:commit())
    local expected = { meta = all, chunks = {}, entries = { { 7, all }, { 8, "" }, { 2 ^ 53, all:rep(3000) } } }
    assert.same(expected, storages.content(store))
    assert.same(expected, storages.content(reopen(store)))
  end)

  it("stores nothing without a commit", function()
    local store = assert(storages.open())
    store:append(1, "one")
    assert(store:commit())
    store:append(2, "two")
    store:set_meta "later"
    assert.same({ chunks = {}, entries = { { 1, "one" } } }, storages.content(reopen(store)))
  end)

  it("keeps the old base until the new one is finished", function()
    local store = assert(storages.open())
    local writer = assert(store:write_base("meta 1", "base 1", 0))
    assert(writer:chunk "old")
    assert(writer:finish())
    store:append(1, "one")
    store:append(2, "two")
    assert(store:commit())
    writer = assert(store:write_base("meta 2", "base 2", 1))
    assert(writer:chunk "new")
    assert(writer:chunk(("x"):rep(600000)))
    store:append(3, "three")
    assert(store:commit())
    local old = { meta = "meta 1", base = "base 1", chunks = { "old" },
      entries = { { 1, "one" }, { 2, "two" }, { 3, "three" } } }
    assert.same(old, storages.content(store))
    assert(writer:finish())
    local new = { meta = "meta 2", base = "base 2", chunks = { "new", ("x"):rep(600000) },
      entries = { { 2, "two" }, { 3, "three" } } }
    assert.same(new, storages.content(store))
    assert.same(new, storages.content(reopen(store)))
  end)

  it("forgets a base that was not finished", function()
    local store = assert(storages.open())
    local first = assert(store:write_base("meta 1", "base 1", 0))
    assert(first:chunk(("x"):rep(900000)))
    local second = assert(store:write_base("meta 2", "base 2", 0))
    local done, message, code = first:chunk "more"
    assert.same({ nil, "closed" }, { done, code })
    assert.matches("another was begun", message)
    assert(second:finish())
    assert.equal("closed", select(3, second:finish()))
    assert(store:write_base("meta 3", "base 3", 0))
    store = reopen(store)
    assert.same({ meta = "meta 2", base = "base 2", chunks = {}, entries = {} }, storages.content(store))
  end)

  it("keeps a meta blob that was set after a base was begun", function()
    local store = assert(storages.open())
    local writer = assert(store:write_base("of the base", "base", 0))
    store:set_meta "later"
    assert(store:commit())
    assert(writer:finish())
    assert.equal("later", store:load().meta)
  end)

  it("commits the batch with a base, and drops all entries for one without a last index", function()
    local store = assert(storages.open())
    store:append(1, "one")
    assert(store:commit())
    store:append(2, "two")
    assert(assert(store:write_base("meta", "base", 1)):finish())
    store = reopen(store)
    assert.same({ { 2, "two" } }, storages.content(store).entries)
    assert(assert(store:write_base("meta", "base", math.huge)):finish())
    assert.same({}, storages.content(store).entries)
    store:append(1, "again")
    assert(store:commit())
    assert.same({ { 1, "again" } }, storages.content(reopen(store)).entries)
  end)

  it("finds the entries after a base among jumps and blobs of many rows", function()
    for last = 0, 13 do
      local store = assert(storages.open(storages.path(last .. ".db")))
      local kept = {}
      for _, index in ipairs { 2, 5, 6, 12 } do
        local blob = index == 5 and ("x"):rep(600000) or "x"
        store:append(index, blob)
        kept[#kept + 1] = index > last and index or nil
      end
      assert(store:commit())
      assert(assert(store:write_base("meta", "base", last)):finish())
      local found = {}
      for index in store:load().entries do
        found[#found + 1] = index
      end
      assert.same(kept, found)
    end
  end)

  it("does not grow when bases replace each other", function()
    local store = assert(storages.open())
    local index, sizes = 0, {}
    for round = 1, 12 do
      local writer = assert(store:write_base("meta", "base", index))
      for _ = 1, 20 do
        assert(writer:chunk(("x"):rep(50000)))
        for _ = 1, 10 do
          index = index + 1
          store:append(index, ("y"):rep(1000))
        end
        assert(store:commit())
      end
      assert(writer:finish())
      store = reopen(store)
      sizes[round] = #files.read(storages.path())
    end
    assert.is_true(sizes[12] < 1.5 * sizes[4], sizes[4] .. " bytes, then " .. sizes[12])
  end)

  it("accepts entries of up to 64 MiB #slow", function()
    local store = assert(storages.open())
    local largest = ("0123456789abcdef"):rep(4 * 1024 * 1024)
    store:append(1, largest)
    assert(store:commit())
    assert.is_true(storages.content(reopen(store)).entries[1][2] == largest)
    assert.has_error(function() store:append(2, largest .. "x") end,
      "bad argument 'blob' to 'append' (at most 67108864 bytes expected, got 67108865)")
  end)

  it("raises for wrong arguments, with their names", function()
    local store = assert(storages.open())
    local owner = storages.owner
    assert.has_error(function() storage.open("", owner) end,
      "bad argument 'path' to 'open' (the name of a file expected, got string)")
    assert.has_error(function() storage.open("x", { replica = "x", node = 1 }) end,
      "bad argument 'owner.cluster' to 'open' (string expected, got nil)")
    assert.has_error(function() store:append(1.5, "") end,
      "bad argument 'index' to 'append' (whole number expected, got 1.5)")
    assert.has_error(function() store:append(1) end, "bad argument 'blob' to 'append' (string expected, got nil)")
    store:append(5, "")
    assert.has_error(function() store:append(5, "") end,
      "bad argument 'index' to 'append' (more than 5 expected, got 5)")
    assert(store:commit())
    for _ = 1, 2 do
      assert.has_error(function() store:append(4, "") end,
        "bad argument 'index' to 'append' (more than 5 expected, got 4)")
      store = reopen(store)
    end
    assert.has_error(function() store:set_meta() end, "bad argument 'blob' to 'set_meta' (string expected, got nil)")
    assert.has_error(function() store:write_base("", "", "last") end,
      "bad argument 'last_index' to 'write_base' (whole number or math.huge expected, got last)")
  end)

  it("says that it is closed", function()
    local store = assert(storages.open())
    local writer = assert(store:write_base("", "", 0))
    store:close()
    store:close()
    assert.equal("closed", select(3, store:load()))
    assert.equal("closed", select(3, store:commit()))
    assert.equal("closed", select(3, store:write_base("", "", 0)))
    assert.equal("closed", select(3, writer:chunk ""))
    assert.equal("closed", select(3, writer:finish()))
  end)
end)
