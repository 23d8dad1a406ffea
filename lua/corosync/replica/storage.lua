-- What one member of a replica keeps on disk: a base (a snapshot in chunks), the entries after it, and one *meta* value
-- with a few facts. Here all of them are *blobs*: strings of any bytes. LuaSQL writes them to an SQLite file.
--
-- The file is in WAL mode. There a commit costs one sync. Small transactions can go without a sync and still leave the
-- file valid after a loss of power, so chunks are written while commits go on. With a rollback journal a commit costs
-- three syncs or more, and a transaction without any can destroy the file. The lock is exclusive from the beginning, so
-- that SQLite needs no shared memory and a second process is refused.
--
-- Rows that no longer count (of an old base, and entries before the present one) are deleted a few at a time, whenever
-- others are written: deleting a large base at once takes long.
--
-- Limit: SQLite takes damage in the -wal file for the end of the log. If a bit flips there, or the file is lost, or the
-- disk drops a write that it has confirmed, an earlier state may come back without an error.
local arguments = require "corosync.replica.storage.arguments"
local base = require "corosync.replica.storage.base"
local batch = require "corosync.replica.storage.batch"
local connection = require "corosync.replica.storage.connection"
local opening = require "corosync.replica.storage.opening"
local rows = require "corosync.replica.storage.rows"

local storage = {}

local LARGEST = 64 * 1024 * 1024 -- bytes of an entry

local check = arguments.check

local Store = {}
Store.__index = Store

-- Opens the storage at `path`, or creates it. `owner`: { replica, node, cluster }. Reads and checks the whole file.
-- Returns the store, or nil, message, code: "in_use", "foreign", "damaged", "read_only", "access", "no_folder",
-- "not_a_file", "no_space", "not_installed", "io_error", ...
function storage.open(path, owner)
  check(type(path) == "string" and #path > 0 and not path:find "%z", "path", "open",
    "the name of a file expected, got %s", type(path))
  arguments.owner(owner)
  local conn, message, code = connection.open(path)
  if not conn then
    return nil, message, code
  end
  local state
  state, message, code = opening.prepare(conn, owner)
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

-- Returns a function that returns the next blob of a reader, without its place.
local function blobs_of(read)
  return function()
    local place, blob, code = read()
    if place then
      return blob
    end
    return nil, blob, code
  end
end

-- Returns nil when nothing is stored, or { meta, base, chunks, entries }: `chunks()` returns the next chunk,
-- `entries()` the next entry's index and blob. They return nil after the last, and nil, message, code when the disk
-- fails: then the data read so far is incomplete. Read everything before the next write.
function Store:load()
  if not self.conn then
    return connection.closed(self.path)
  end
  local state = self.state
  if not state.meta and state.last_chunk < state.first_chunk and state.last_entry < state.first_entry then
    return nil
  end
  local chunks, entries, base_blob, message, code
  chunks, message, code = rows.reader(self.conn, "chunks", state.first_chunk, state.last_chunk)
  if chunks then
    entries, message, code = rows.reader(self.conn, "entries", state.first_entry, state.last_entry)
  end
  if not entries then
    return nil, message, code
  end
  chunks = blobs_of(chunks)
  base_blob, message, code = chunks()
  if not base_blob and message then
    return nil, message, code
  end
  return { meta = state.meta, base = base_blob, chunks = chunks, entries = entries }
end

-- ---- the batch ----

-- Adds an entry to the batch. Indices grow; they may jump.
function Store:append(index, blob)
  check(arguments.is_whole(index), "index", "append", "whole number expected, got %s", tostring(index))
  arguments.blob(blob, "blob", "append")
  check(#blob <= LARGEST, "blob", "append", "at most %d bytes expected, got %d", LARGEST, #blob)
  local last = self.batch[#self.batch]
  local last_index = last and last.index or self.state.last_index
  check(not last_index or last_index < index, "index", "append", "more than %s expected, got %d", tostring(last_index),
    index)
  self.batch[#self.batch + 1] = { index = index, blob = blob }
end

-- Replaces the meta blob, with the next commit.
function Store:set_meta(blob)
  arguments.blob(blob, "blob", "set_meta")
  self.meta = blob
  if self.writer then
    self.writer.meta = nil
  end
end

-- Writes everything since the last commit to the disk, or nothing of it. After a failure (nil, message, code) all of it
-- is kept in memory, and the next commit tries again.
function Store:commit()
  if not self.conn then
    return connection.closed(self.path)
  elseif #self.batch == 0 and not self.meta then
    return true
  end
  return batch.commit(self)
end

-- ---- a new base ----

-- Begins a new base beside the present one. It replaces a writer that has not finished.
function Store:write_base(meta, blob, last_index)
  arguments.blob(meta, "meta", "write_base")
  arguments.blob(blob, "base", "write_base")
  check(last_index == math.huge or arguments.is_whole(last_index), "last_index", "write_base",
    "whole number or math.huge expected, got %s", tostring(last_index))
  if not self.conn then
    return connection.closed(self.path)
  end
  self.writer = base.writer(self, meta, last_index)
  local done, message, code = self.writer:chunk(blob)
  if not done then
    self.writer = nil
    return nil, message, code
  end
  return self.writer
end

-- Closes the file, without a commit.
function Store:close()
  if self.conn then
    self.conn:close()
    self.conn, self.writer = nil, nil
  end
end

return storage
