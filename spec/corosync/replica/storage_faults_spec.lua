local assert = require "luassert"
local files = require "spec.helpers.files"
local groups = require "spec.helpers.groups"
local program = require "spec.helpers.program"
local storage = require "corosync.replica.storage"
local storages = require "spec.helpers.storages"
local uv = require "luv"

describe("a replica's storage", function()
  after_each(function()
    storages.remove()
    program.clean()
  end)

  local function fails(code, pattern, path)
    local store, message, got = storages.open(path)
    assert.same({ nil, code }, { store, got }, message)
    assert.matches(pattern, message)
  end

  -- Makes a file with a base, entries and a meta blob. Returns its bytes and its content.
  local function sample(path)
    local store = assert(storages.open(path))
    assert(assert(store:write_base("meta", "base", 0)):finish())
    for index = 1, 20 do
      store:append(index, ("entry %d "):format(index):rep(index * 12))
      assert(store:commit())
    end
    local writer = assert(store:write_base("meta 2", "base 2", 5))
    assert(writer:chunk(("chunk"):rep(500)))
    assert(writer:finish())
    local content = storages.content(store)
    store:close()
    return files.read(path or storages.path()), content
  end

  describe("without LuaSQL", function()
    local path, cpath, driver = package.path, package.cpath, package.loaded["luasql.sqlite3"]

    after_each(function()
      package.path, package.cpath, package.loaded["luasql.sqlite3"] = path, cpath, driver
    end)

    it("names the package and the rock", function()
      package.path, package.cpath, package.loaded["luasql.sqlite3"] = "", "", nil
      fails("not_installed", "LuaSQL is not installed")
      fails("not_installed", "Debian: lua%-sql%-sqlite3; rock: luasql%-sqlite3")
    end)
  end)

  it("is a file, also under a name that has a meaning to SQLite", function()
    local before = assert(uv.cwd())
    storages.path()
    assert(uv.chdir((storages.path "":gsub("/$", ""))))
    local store, message = storages.open "file:x?mode=memory"
    local found = uv.fs_stat "file:x?mode=memory"
    assert(uv.chdir(before))
    assert(store, message):close()
    assert.truthy(found)
  end)

  describe("that cannot be opened", function()
    -- Drops capabilities, so that permissions apply to root, too.
    local function as_user(path)
      local it = program.start("setpriv", "--inh-caps=-all", "--bounding-set=-all", groups.interpreter,
        "spec/helpers/clients/storage_holder.lua", path)
      return program.line(it, "^(%S+)%s"), table.concat(it.lines)
    end

    it("says that the folder is missing", function()
      fails("no_folder", "its folder does not exist", storages.path "missing" .. "/shop.db")
      files.write(storages.path "file", "")
      fails("no_folder", "a part of its path is not a folder", storages.path "file" .. "/shop.db")
    end)

    it("says that it is a folder", function()
      assert(uv.fs_mkdir(storages.path "folder", tonumber("700", 8)))
      fails("not_a_file", "it is a folder", storages.path "folder")
    end)

    it("says that it would be in memory only", function()
      fails("not_a_file", "in memory only", storages.path ":memory:")
    end)

    it("fails at once for a pipe that nobody reads", function()
      assert.truthy(os.execute(("mkfifo '%s'"):format(storages.path "pipe")))
      fails("io_error", "the disk failed to read or write", storages.path "pipe")
    end)

    it("says that another process holds it, until that ends", function()
      local holder = program.start(groups.interpreter, "spec/helpers/clients/storage_holder.lua", storages.path())
      program.line(holder, "^open")
      fails("in_use", "in use, by another process or another replica of this one: only one process of a node can use")
      holder:kill "sigkill"
      assert(holder:wait(10))
      assert(storages.open())
      fails("in_use", "is in use") -- this one, and its lock stays
      assert.equal("in_use", as_user(storages.path()))
    end)

    it("says that this user may not access it", function()
      local bytes = sample()
      assert(uv.fs_chmod(storages.path(), 0))
      assert.equal("access", (as_user(storages.path())))
      assert(uv.fs_chmod(storages.path(), tonumber("444", 8)))
      local code, said = as_user(storages.path())
      assert.equal("access", code)
      assert.matches("this user may not write to it", said)
      assert.equal(bytes, files.read(storages.path()))
    end)

    it("says that this user may not write to the folder", function()
      sample()
      local folder = storages.path():match "^(.*)/"
      assert(uv.fs_chmod(folder, tonumber("555", 8)))
      assert.equal("access", (as_user(storages.path "new.db")))
      local code, said = as_user(storages.path())
      assert.equal("access", code)
      assert.matches("this user must be able to write to the folder", said)
    end)

    it("says that the file system is read-only", function()
      local path = storages.mount() .. "/shop.db"
      sample(path)
      assert.truthy(os.execute(("mount -n -o remount,bind,ro '%s'"):format(storages.mounted)))
      fails("read_only", "read%-only", path)
      fails("read_only", "its file system is read%-only", storages.mounted .. "/new.db")
    end)
  end)

  describe("of another member", function()
    local function is_foreign(owner, pattern)
      local bytes = files.read(storages.path())
      local store, message, code = storage.open(storages.path(), owner)
      assert.same({ nil, "foreign" }, { store, code }, message)
      assert.matches(pattern, message, 1, true)
      assert.equal(bytes, files.read(storages.path()))
    end

    it("is refused and left unchanged", function()
      sample()
      local found = "belongs to replica 'shop' on node 1 of cluster 'lab', not to replica "
      is_foreign({ replica = "it's", node = 1, cluster = "lab" }, found .. "'it's' on node 1 of cluster 'lab'")
      is_foreign({ replica = "shop", node = 2, cluster = "lab" }, found .. "'shop' on node 2 of cluster 'lab'")
      is_foreign({ replica = "shop", node = 1, cluster = "x" }, found .. "'shop' on node 1 of cluster 'x'")
    end)

    it("is refused if another program or version wrote it", function()
      local environment = require("luasql.sqlite3").sqlite3()
      local function write(statement)
        local connection = assert(environment:connect(storages.path()))
        assert(connection:execute(statement))
        connection:close()
      end
      write "CREATE TABLE owner (name)"
      is_foreign(storages.owner, "is an SQLite database of another program")
      assert(os.remove(storages.path()))
      sample()
      write "PRAGMA user_version = 1"
      is_foreign(storages.owner, "has format 1, of another version of lua-corosync; this version has format 3")
    end)
  end)

  describe("that is damaged", function()
    local function is_damaged(bytes, pattern)
      files.write(storages.path(), bytes)
      fails("damaged", pattern)
      fails("damaged", "move the file away")
      assert.equal(bytes, files.read(storages.path()))
    end

    it("is refused and left unchanged when it is no database, or was truncated", function()
      local bytes = sample()
      is_damaged(("no database\n"):rep(1000), "it is not an SQLite database")
      for pages = 1, #bytes / 4096 - 1 do
        is_damaged(bytes:sub(1, 4096 * pages), "the file is damaged")
      end
      is_damaged(bytes:sub(1, 1000), "the file is damaged")
    end)

    it("is refused with the reason when old rows cannot be deleted", function()
      sample()
      local environment = require("luasql.sqlite3").sqlite3()
      local connection = assert(environment:connect(storages.path()))
      assert(connection:execute "UPDATE entries SET number = -1 WHERE number = 1")
      assert(connection:execute [[CREATE TRIGGER kept BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END]])
      connection:close()
      fails("no_space", "the disk is full")
    end)

    it("is refused when a row is missing or not in its place", function()
      local environment = require("luasql.sqlite3").sqlite3()
      local bytes = sample()
      local function change(statement, pattern)
        files.write(storages.path(), bytes)
        local connection = assert(environment:connect(storages.path()))
        assert(connection:execute(statement))
        connection:close()
        is_damaged(files.read(storages.path()), pattern)
      end
      change("DELETE FROM entries WHERE number = 6", "row 6 of entries is missing")
      change("DELETE FROM entries WHERE number = 10", "row 10 of entries is missing")
      change("DELETE FROM chunks WHERE number = 3", "row 3 of chunks is missing")
      change("UPDATE entries SET place = 100 WHERE number = 7", "row 7 of entries is not as it was written")
      change("UPDATE entries SET place = 'x' WHERE number = 7", "row 7 of entries is not as it was written")
      change("UPDATE entries SET data = (SELECT data FROM entries WHERE number = 8) WHERE number = 7",
        "row 7 of entries is not as it was written")
      change("UPDATE state SET first_entry = 2", "the table state is not as it was written")
      change("UPDATE state SET meta = NULL", "the table state is not as it was written")
      change("UPDATE state SET first_chunk = x'00'", "the table state is not as it was written")
      change("DELETE FROM state", "a row of a table is missing")
      change("DROP TABLE chunks", "it lacks a table")
      change("ALTER TABLE entries RENAME COLUMN place TO other", "a table lacks a column")
    end)

    -- Some bits of the file have no meaning, so a flipped one may go unnoticed.
    it("never has another content after a flipped bit", function()
      local bytes, content = sample()
      local damaged, tried = 0, 0
      for at = 1, #bytes, 61 do
        local bit = 2 ^ (at % 7)
        local byte = bytes:byte(at)
        local flipped = math.floor(byte / bit) % 2 == 1 and byte - bit or byte + bit
        files.write(storages.path(), bytes:sub(1, at - 1) .. string.char(flipped) .. bytes:sub(at + 1))
        local store, message, code = storages.open()
        tried = tried + 1
        if store then
          assert.same(content, storages.content(store), "byte " .. at)
          store:close()
        else
          assert.truthy(code == "damaged" or at <= 2 * 4096 and (code == "foreign" or code == "read_only"),
            ("byte %d: %s: %s"):format(at, code, message))
          damaged = damaged + 1
        end
      end
      assert.is_true(damaged > tried / 4, ("%d of %d"):format(damaged, tried))
    end)
  end)
end)
