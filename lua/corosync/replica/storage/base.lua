-- Writes a new base beside the present one, chunk by chunk, and then puts it in place.
local arguments = require "corosync.replica.storage.arguments"
local batch = require "corosync.replica.storage.batch"
local connection = require "corosync.replica.storage.connection"
local errors = require "corosync.errors"
local rows = require "corosync.replica.storage.rows"

local base = {}

local Writer = {}
Writer.__index = Writer

-- `last_index`: the index of the last entry that the base replaces.
function base.writer(store, meta, last_index)
  return setmetatable({ store = store, meta = meta, last_index = last_index, last = store.state.last_chunk }, Writer)
end

local function replaced(self)
  if not self.store.conn then
    return connection.closed(self.store.path)
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
  arguments.blob(blob, "blob", "chunk")
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
-- the entries up to `last_index`. After a failure (nil, message, code) the old base still counts, and `finish` can be
-- called again.
function Writer:finish()
  local store = self.store
  if store.writer ~= self or not store.conn then
    return replaced(self)
  end
  local done, message, code = batch.commit(store, function(state) return switch(self, state) end)
  if done then
    store.writer = nil
  end
  return done, message, code
end

return base
