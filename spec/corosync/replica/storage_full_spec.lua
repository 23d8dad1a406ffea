local storages = require "spec.helpers.storages"

describe("a replica's storage on a full disk", function()
  local LARGE = ("x"):rep(5000000) -- more than the -wal file has room for when the disk is full
  local path

  before_each(function()
    path = storages.mount() .. "/shop.db"
  end)

  after_each(storages.remove)

  -- Calls `action`, which needs room, until the disk is full. Its argument is the number of the call.
  local function until_full(action)
    local count = 0
    local done, message, code
    repeat
      count = count + 1
      done, message, code = action(count)
    until not done
    assert.equal("no_space", code)
    assert.matches("the disk is full", message)
    return count
  end

  local function reopened(store)
    store:close()
    return storages.content(assert(storages.open(path)))
  end

  it("is refused, and can be made when there is room", function()
    local make_room = storages.fill()
    local store, message, code = storages.open(path)
    assert.same({ nil, "no_space" }, { store, code })
    assert.matches("the disk is full", message)
    make_room()
    store = assert(storages.open(path))
    assert.is_nil(store:load())
  end)

  it("accepts commits until the room is used up that its -wal file has from the beginning", function()
    local store = assert(storages.open(path))
    storages.fill()
    for index = 1, 100 do
      store:append(index, ("x"):rep(1000))
      assert.is_true(store:commit())
    end
    assert.equal(100, #reopened(store).entries)
  end)

  it("stores nothing of a failed commit, and all of it when there is room", function()
    local store = assert(storages.open(path))
    store:append(1, "one")
    store:set_meta "first"
    assert(store:commit())
    local make_room = storages.fill()
    store:append(2, "two")
    store:append(3, LARGE)
    store:set_meta "second"
    local first = { meta = "first", chunks = {}, entries = { { 1, "one" } } }
    for _ = 1, 3 do
      assert.equal("no_space", select(3, store:commit()))
      assert.same(first, storages.content(store))
    end
    make_room()
    assert.is_true(store:commit())
    local second = { meta = "second", chunks = {}, entries = { { 1, "one" }, { 2, "two" }, { 3, LARGE } } }
    assert.same(second, storages.content(store))
    assert.same(second, reopened(store))
  end)

  it("has what was committed before", function()
    local store = assert(storages.open(path))
    local last = until_full(function(index)
      store:append(index, ("x"):rep(2000))
      return store:commit()
    end)
    local content = reopened(store)
    assert.equal(last - 1, #content.entries)
    assert.equal(last - 1, content.entries[last - 1][1])
  end)

  it("keeps the old base, and the new one can be finished when there is room", function()
    local store = assert(storages.open(path))
    assert(assert(store:write_base("meta 1", "base 1", 0)):finish())
    store:append(1, "one")
    assert(store:commit())
    local make_room = storages.fill()
    local chunk = ("x"):rep(50000)
    local writer
    until_full(function()
      writer = writer or store:write_base("meta 2", "base 2", 1)
      if not writer then
        make_room()
        writer = assert(store:write_base("meta 2", "base 2", 1))
        make_room = storages.fill()
      end
      return writer:chunk(chunk)
    end)
    local old = { meta = "meta 1", base = "base 1", chunks = {}, entries = { { 1, "one" } } }
    assert.same(old, storages.content(store))
    make_room()
    assert(writer:chunk(chunk))
    assert(writer:finish())
    local content = reopened(store)
    assert.same({ "meta 2", "base 2", {} }, { content.meta, content.base, content.entries })
    assert.equal(chunk, content.chunks[#content.chunks])
  end)

  it("keeps the old base when finishing fails", function()
    local store = assert(storages.open(path))
    store:append(1, "one")
    assert(store:commit())
    local writer = assert(store:write_base("meta", "base", 1))
    local make_room = storages.fill()
    store:append(2, LARGE) -- finish commits it
    assert.equal("no_space", select(3, writer:finish()))
    assert.same({ chunks = {}, entries = { { 1, "one" } } }, storages.content(store))
    make_room()
    assert(writer:finish())
    assert.same({ meta = "meta", base = "base", chunks = {}, entries = { { 2, LARGE } } },
      reopened(store))
  end)
end)
