-- A member's storage: the protocol's entries (batches of commands), and the bases (snapshots of all machines) that they
-- follow.
--
-- A base is written a few chunks at a time. When state and log were replaced, later effects wait until the new base is
-- complete. Otherwise a new base is written between commits, once the present one is followed by many entries.
local codec = require "corosync.replica.codec"
local core = require "corosync.binding"
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local storage = require "corosync.replica.storage"

local keeper = {}

local MOST_ENTRY_BYTES = 4000000 -- a new base is due when the entries exceed this and the size of the base
local TURN = 0.005 -- seconds of writing chunks at a time

local now = core.now

local Keeper = {}
Keeper.__index = Keeper

-- `owner`: see storage.lua; `failed(problem)` is called when the state cannot be stored. Returns a keeper; or nil,
-- message, code.
function keeper.open(path, owner, failed)
  local store, message, code = storage.open(path, owner)
  if not store then
    return nil, message, code
  end
  return setmetatable({ store = store, path = path, entry_bytes = 0, base_bytes = 0, base_index = -1,
    failed = failed }, Keeper)
end

local function read_chunks(self, loaded, restoring)
  local chunk, message, code = loaded.chunks()
  while chunk do
    restoring:add(codec.decode(chunk))
    self.base_bytes = self.base_bytes + #chunk
    chunk, message, code = loaded.chunks()
  end
  return not message or nil, message, code
end

local function read_entries(self, loaded)
  local list = {}
  local index, blob, code = loaded.entries()
  while index do
    list[#list + 1] = { index, codec.decode(blob) }
    self.entry_bytes = self.entry_bytes + #blob
    index, blob, code = loaded.entries()
  end
  if blob then
    return nil, blob, code
  end
  return list
end

local function restore(self, machines, restoring)
  local ok, problem = restoring:build()
  if not ok then
    return nil, ("storage %s: cannot restore the state: %s"):format(errors.quote(self.path), error_text(problem)),
      "damaged"
  end
  machines:restore(restoring)
  return true
end

-- Reads what is stored, and restores the machines. Returns what protocol.new takes as `stored`, or nil alone if nothing
-- is stored; or nil, message, code.
function Keeper:load(machines)
  local loaded, message, code = self.store:load()
  if not loaded then
    return nil, message, code
  end
  local restoring = machines:begin_restore()
  local ok, entries
  ok, message, code = read_chunks(self, loaded, restoring)
  if ok then
    entries, message, code = read_entries(self, loaded)
  end
  if not entries then
    return nil, message, code
  end
  local base = loaded.base and codec.decode(loaded.base)
  if base and base.log then
    ok, message, code = restore(self, machines, restoring)
    if not ok then
      return nil, message, code
    end
  end
  return { meta = codec.decode(loaded.meta), log = base and base.log, entries = entries }
end

-- ---- what the protocol emits ----

function Keeper:entry(index, entry)
  if index > self.base_index then
    local blob = codec.encode(entry)
    self.store:append(index, blob)
    self.entry_bytes = self.entry_bytes + #blob
  end
end

function Keeper:meta(meta)
  self.store:set_meta(codec.encode(meta))
end

-- State and log were replaced: `is_writing` returns true until the new base is stored.
function Keeper:replaced()
  self.is_due, self.must_replace = true, true
end

-- Whether later effects must wait for a base.
function Keeper:is_writing()
  return self.must_replace == true
end

function Keeper:commit()
  return self.store:commit()
end

-- ---- bases ----

local function begin_base(self, protocol, machines)
  local base = protocol:stored_base()
  local last = base.log and base.log.index or -1
  local writer, message, code = self.store:write_base(codec.encode(base.meta), codec.encode(base),
    self.must_replace and math.huge or math.max(last, 0))
  if not writer then
    return nil, message, code
  end
  if self.snapshot then
    self.snapshot:release()
  end
  self.writer, self.snapshot, self.is_due = writer, machines:snapshot(), false
  self.next_index, self.base_bytes, self.entry_bytes = last, 0, 0
  return true
end

-- The state cannot be stored. If the present base is still good, further entries follow it.
local function give_up_base(self, problem)
  self.snapshot:release()
  self.writer, self.snapshot = nil, nil
  if self.must_replace then
    return nil, problem, "unsendable"
  end
  self.failed(problem)
  return false
end

-- A chunk that could not be written is kept for the next attempt.
local function write_chunks(self)
  local deadline = now() + TURN
  repeat
    local problem
    if not self.chunk then
      self.chunk, problem = self.snapshot:next()
    end
    if problem then
      return give_up_base(self, problem)
    elseif not self.chunk then
      return true
    end
    local blob = codec.encode(self.chunk)
    local ok, message, code = self.writer:chunk(blob)
    if not ok then
      return nil, message, code
    end
    self.base_bytes, self.chunk = self.base_bytes + #blob, nil
  until now() >= deadline
  return false
end

local function finish_base(self)
  local ok, message, code = self.writer:finish()
  if ok then
    self.base_index = self.must_replace and self.next_index or self.base_index
    self.writer, self.snapshot, self.must_replace = nil, nil, nil
  end
  return ok, message, code
end

-- Writes the next chunks of a base, if one is due or begun. To be called when all effects that the protocol has emitted
-- were carried out, or must wait for this base. Returns whether there is more to do; or nil, message, code.
function Keeper:work(protocol, machines)
  local is_large = self.entry_bytes > MOST_ENTRY_BYTES and self.entry_bytes > self.base_bytes
  if self.is_due or is_large and not self.writer then
    self.chunk = nil
    local ok, message, code = begin_base(self, protocol, machines)
    if not ok then
      return nil, message, code
    end
  elseif not self.writer then
    return false
  end
  local is_whole, message, code = write_chunks(self)
  if is_whole then
    is_whole, message, code = finish_base(self)
  end
  if is_whole == nil then
    return nil, message, code
  end
  return not is_whole and self.writer ~= nil
end

function Keeper:close()
  if self.snapshot then
    self.snapshot:release()
  end
  self.store:close()
end

return keeper
