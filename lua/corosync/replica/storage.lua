-- What one member of a replica keeps on disk: a base (a snapshot in chunks), the entries after it, and a meta blob, all
-- of which are strings here. An SQLite file holds them, through LuaSQL.
--
-- The file is in WAL mode. There a commit costs one sync. Small transactions can go without a sync and still leave the
-- file valid after a loss of power, so chunks are written while commits go on. With a rollback journal a commit costs
-- three syncs or more, and a transaction without any can destroy the file. The lock is exclusive from the beginning, so
-- that SQLite needs no shared memory and a second process is refused.
--
-- Rows that no longer count (of an old base, and entries before the present one) are deleted a few at a time, whenever
-- others are written: deleting a large base at once takes long.
--
-- Limit: SQLite takes damage in the -wal file for the end of the log. If a bit flips there, or the file is lost, an
-- earlier state comes back without an error.
local connection = require "corosync.replica.storage.connection"
local errors = require "corosync.errors"
local file = require "corosync.replica.storage.file"
local rows = require "corosync.replica.storage.rows"

local storage = {}

local LARGEST = 64 * 1024 * 1024 -- bytes of an entry
local LAST_INDEX = 2 ^ 53
local LOG_SIZE = 1000 * 4096 -- bytes: when the -wal file has these many pages, SQLite begins it anew (its default)

local Store = {}
Store.__index = Store

local Writer = {}
Writer.__index = Writer

local function check(right, name, method, problem, ...)
  if not right then
    errors.raise("bad argument '%s' to '%s' (" .. problem .. ")", name, method, ...)
  end
end

local function check_blob(blob, name, method)
  check(type(blob) == "string", name, method, "string expected, got %s", type(blob))
end

local function is_whole(number)
  return type(number) == "number" and number >= 0 and number <= LAST_INDEX and number % 1 == 0
end

-- ---- opening ----

local function check_owner(owner)
  check(type(owner) == "table", "owner", "open", "table expected, got %s", type(owner))
  for _, name in ipairs { "replica", "cluster" } do
    check(type(owner[name]) == "string", "owner." .. name, "open", "string expected, got %s", type(owner[name]))
  end
  check(is_whole(owner.node), "owner.node", "open", "whole number expected, got %s", tostring(owner.node))
end

local function run(conn, statements)
  for _, statement in ipairs(statements) do
    local done, message, code = conn:first(statement)
    if not done then
      return nil, message, code
    end
  end
  return true
end

-- The file is changed only if it is new.
local function claim(conn, owner)
  local done, message, code = conn:lock()
  if done then
    done, message, code = file.claim(conn, owner)
  end
  if done then
    done, message, code = conn:execute "COMMIT"
  end
  return done, message, code
end

-- What no range has: an old base, a base that was not finished, or entries that a base has replaced.
local function clean(conn, state)
  return conn:transaction(function()
    local done, message, code = rows.keep(conn, "entries", state.first_entry, state.last_entry)
    if done then
      done, message, code = rows.keep(conn, "chunks", state.first_chunk, state.last_chunk)
    end
    return done, message, code
  end)
end

-- Syncing a file that grows takes about twice as long, so the -wal file gets its usual size now. A small cache makes
-- SQLite write pages before the commit, and what is rolled back leaves the file large. A disk without this room is
-- reported when a commit needs it.
local function enlarge_log(conn)
  conn:execute_all {
    "PRAGMA cache_size = 16",
    "BEGIN",
    ("INSERT INTO chunks VALUES (0, 0, 0, 0, zeroblob(%d))"):format(LOG_SIZE),
  }
  conn.handle:execute "ROLLBACK" -- fails if SQLite has already done it
  conn:execute "PRAGMA cache_size = -2000" -- SQLite's default
end

local function prepare(conn, owner)
  local done, message, code = claim(conn, owner)
  local state
  if done then
    state, message, code = file.check(conn)
  end
  if not state then
    return nil, message, code
  end
  done, message, code = run(conn, { "PRAGMA journal_mode = WAL", "PRAGMA journal_size_limit = 8388608" })
  if done then
    done, message, code = conn:execute "PRAGMA synchronous = FULL"
  end
  if done then
    done, message, code = clean(conn, state)
  end
  if done then
    enlarge_log(conn)
  end
  return done and state, message, code
end

-- Opens the storage at `path`, or makes it. `owner`: { replica, node, cluster }. Reads and checks all of it. Returns
-- the store, or nil, message, code: "in_use", "foreign", "damaged", "read_only", "access", "no_folder", "not_a_file",
-- "no_space", "not_installed", "io_error", ...
function storage.open(path, owner)
  check(type(path) == "string" and #path > 0 and not path:find "%z", "path", "open",
    "the name of a file expected, got %s", type(path))
  check_owner(owner)
  local conn, message, code = connection.open(path)
  if not conn then
    return nil, message, code
  end
  local state
  state, message, code = prepare(conn, owner)
  if not state then
    conn:close()
    return nil, message, code
  end
  return setmetatable({
    conn = conn,
    path = path,
    state = state, -- what is on disk
    batch = {}, -- entries since the last commit
    oldest_entry = state.first_entry, -- the first row that is still in the file, whether it counts or not
    oldest_chunk = state.first_chunk,
  }, Store)
end

-- ---- reading ----

local function closed(self)
  return nil, ("storage %s is closed"):format(errors.quote(self.path)), "closed"
end

-- Returns nil when nothing is stored, or { meta, base, chunks, entries }: `chunks()` returns the next chunk,
-- `entries()` the next entry's index and blob. They return nil after the last, and nil, message, code when the disk
-- fails: what was read is not all then. Read them before the next write.
function Store:load()
  if not self.conn then
    return closed(self)
  end
  local state = self.state
  if not state.meta and state.last_chunk < state.first_chunk and state.last_entry < state.first_entry then
    return nil
  end
  local chunks, entries, message, code
  chunks, message, code = rows.reader(self.conn, "chunks", state.first_chunk, state.last_chunk)
  if chunks then
    entries, message, code = rows.reader(self.conn, "entries", state.first_entry, state.last_entry)
  end
  if not entries then
    return nil, message, code
  end
  local base
  base, message, code = chunks()
  if not base and message then
    return nil, message, code
  end
  return {
    meta = state.meta,
    base = base,
    chunks = function()
      local blob, why, kind = chunks()
      if blob then
        return blob
      end
      return nil, why, kind
    end,
    entries = function()
      local blob, place, kind = entries()
      if blob then
        return place, blob
      end
      return nil, place, kind
    end,
  }
end

-- ---- the batch ----

-- Adds an entry to the batch. Indices grow; they may jump.
function Store:append(index, blob)
  check(is_whole(index), "index", "append", "whole number expected, got %s", tostring(index))
  check_blob(blob, "blob", "append")
  check(#blob <= LARGEST, "blob", "append", "at most %d bytes expected, got %d", LARGEST, #blob)
  local last = self.batch[#self.batch]
  local last_index = last and last.index or self.state.last_index
  check(not last_index or last_index < index, "index", "append", "more than %s expected, got %d", tostring(last_index),
    index)
  self.batch[#self.batch + 1] = { index = index, blob = blob }
end

-- Replaces the meta blob, with the next commit.
function Store:set_meta(blob)
  check_blob(blob, "blob", "set_meta")
  self.meta = blob
  if self.writer then
    self.writer.meta = nil
  end
end

local function copy(state)
  local result = {}
  for name, value in pairs(state) do
    result[name] = value
  end
  return result
end

local function write_batch(self, state)
  local written = 0
  state.meta = self.meta or state.meta
  for _, entry in ipairs(self.batch) do
    local last, message, code = rows.insert(self.conn, "entries", state.last_entry, entry.index, entry.blob)
    if not last then
      return nil, message, code
    end
    state.last_entry, state.last_index = last, entry.index
    written = written + rows.size(entry.blob)
  end
  return rows.sweep(self.conn, "entries", self.oldest_entry, state.first_entry - 1, written)
end

-- Writes the batch and what `change` does to the state, in one synced transaction.
local function commit(self, change)
  local state, oldest = copy(self.state), nil
  local done, message, code = self.conn:transaction(function()
    local fine, why, kind
    oldest, why, kind = write_batch(self, state)
    fine = oldest
    if fine and change then
      fine, why, kind = change(state)
    end
    if fine then
      fine, why, kind = file.write_state(self.conn, state)
    end
    return fine, why, kind
  end)
  if not done then
    return nil, message, code
  end
  self.state, self.oldest_entry, self.batch, self.meta = state, oldest, {}, nil
  return true
end

-- Writes everything since the last commit to the disk, all or nothing. After a failure (nil, message, code) nothing of
-- it is stored; it is kept, and the next commit tries it again.
function Store:commit()
  if not self.conn then
    return closed(self)
  elseif #self.batch == 0 and not self.meta then
    return true
  end
  return commit(self)
end

-- ---- a new base ----

-- Begins a new base beside the present one. It replaces a writer that has not finished.
function Store:write_base(meta, base, last_index)
  check_blob(meta, "meta", "write_base")
  check_blob(base, "base", "write_base")
  check(last_index == math.huge or is_whole(last_index), "last_index", "write_base",
    "whole number or math.huge expected, got %s", tostring(last_index))
  if not self.conn then
    return closed(self)
  end
  local writer = setmetatable({ store = self, meta = meta, last_index = last_index, last = self.state.last_chunk },
    Writer)
  self.writer = writer
  local done, message, code = writer:chunk(base)
  if not done then
    self.writer = nil
    return nil, message, code
  end
  return writer
end

local function replaced(self)
  if not self.store.conn then
    return closed(self.store)
  end
  return nil, ("storage %s: this base is finished, or another was begun"):format(errors.quote(self.store.path)),
    "closed"
end

local function write_chunk(self, blob)
  local store = self.store
  local last, message, code = rows.insert(store.conn, "chunks", self.last, 0, blob)
  local oldest
  if last then
    oldest, message, code = rows.sweep(store.conn, "chunks", store.oldest_chunk, store.state.first_chunk - 1,
      rows.size(blob))
  end
  return oldest, message, code, last
end

-- Writes the next chunk, without waiting for the disk. After a failure (nil, message, code) the same chunk can be
-- written again.
function Writer:chunk(blob)
  check_blob(blob, "blob", "chunk")
  local store = self.store
  if store.writer ~= self or not store.conn then
    return replaced(self)
  end
  local oldest, last
  local done, message, code = store.conn:execute "PRAGMA synchronous = NORMAL"
  if done then
    done, message, code = store.conn:transaction(function()
      local why, kind
      oldest, why, kind, last = write_chunk(self, blob)
      return oldest, why, kind
    end)
  end
  store.conn:execute "PRAGMA synchronous = FULL"
  if not done then
    return nil, message, code
  end
  self.last, store.oldest_chunk = last, oldest
  return true
end

local function switch(self, state)
  local first, message, code = rows.find_beyond(self.store.conn, "entries", state.first_entry, state.last_entry,
    self.last_index)
  if not first then
    return nil, message, code
  end
  state.first_entry = first
  state.last_index = first <= state.last_entry and state.last_index or nil
  state.first_chunk, state.last_chunk = state.last_chunk + 1, self.last
  state.meta = self.meta or state.meta
  return true
end

-- Commits the batch, and makes this base and its meta blob those that count (unless a later meta blob was set), without
-- the entries up to `last_index`. After a failure (nil, message, code) the old base counts, and it can be tried again.
function Writer:finish()
  local store = self.store
  if store.writer ~= self or not store.conn then
    return replaced(self)
  end
  local done, message, code = commit(store, function(state) return switch(self, state) end)
  if done then
    store.writer = nil
  end
  return done, message, code
end

-- Closes the file. What was not committed is not stored.
function Store:close()
  if self.conn then
    self.conn:close()
    self.conn, self.writer = nil, nil
  end
end

return storage
