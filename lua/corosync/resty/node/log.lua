-- A group's events on this node, in batches that all its workers read: each batch is one value in shared memory, with
-- the state after it. The oldest batches are removed when all take too much room; so a worker that lags has a gap, and
-- holds up no other.
--
-- Any worker may append: a batch has the number that follows the last one's, and only one can be added under a number.
-- The number of a batch that was removed is free again. So a worker that was paused meanwhile may add one there, and
-- notices only then: all numbers below the first one's count as removed.
local store = require "corosync.resty.node.store"

local LOGS = "logs" -- the key of the number of logs in the dictionary

local SHARE = 4 -- a log takes at most the dictionary's size divided by this,
local OF_ALL = 2 -- and all logs together take at most this part of it
local LARGEST = 65536 -- bytes of messages in a batch, unless one message is longer

local Log = {}
Log.__index = Log

local function key(self, index)
  return self.store:key("batch", index)
end

local function first(self)
  return self.store.dict:get(self.first_key) or 1
end

-- The number of the last batch; 0 when there is none.
function Log:last()
  local dict = self.store.dict
  local last = math.max(dict:get(self.last_key) or 0, first(self) - 1) -- may lag behind
  while dict:get(key(self, last + 1)) do
    last = last + 1
  end
  return last
end

-- The position of the first batch that still exists.
local function start(self)
  return self.store.dict:get(self.start_key) or 0
end

-- Returns a batch: a table with `number` (of counted events up to its end), `state` (encoded), `events` (flat: kind and
-- three values each), `position` (bytes of all earlier batches); or nil if it does not exist yet; nil, "removed"
-- if it does not exist any more; nil, "skipped" if it had no room.
function Log:read(index)
  local data = self.store.dict:get(key(self, index))
  local may_exist = first(self) <= index
  if data and may_exist then
    local batch = store.decode(data)
    self.position = batch.position + #data
    return batch
  elseif may_exist then
    return nil
  end
  return nil, (self.store.dict:get(self.skipped_key) or 0) >= index and "skipped" or "removed"
end

-- Removes the oldest batch; false when there is none before that index.
local function remove_first(self, before)
  local index = first(self)
  if index >= before then
    return false
  end
  local dict = self.store.dict
  local data = dict:get(key(self, index))
  local position = data and store.decode(data).position
  if first(self) == index then -- nobody else has removed it meanwhile
    dict:safe_set(self.start_key, position and position + #data or start(self))
    dict:safe_set(self.first_key, index + 1) -- before the batch goes, so that readers can tell
    dict:delete(key(self, index))
  end
  return true
end

-- The bytes that all batches may have together.
function Log:room()
  local dict = self.store.dict
  local capacity = dict:capacity()
  return math.min(capacity / SHARE, capacity / OF_ALL / (dict:get(LOGS) or 1))
end

-- Adds a batch under that number, which must follow the last one's. Returns true; or nil and "exists", or nil and why
-- there is no room.
function Log:append(index, batch)
  batch.position = self.position
  local dict, data = self.store.dict, store.encode(batch)
  local ok, message
  repeat
    ok, message = dict:safe_add(key(self, index), data)
  until ok or message ~= "no memory" or not remove_first(self, index)
  if first(self) > index then -- before this worker could add it
    dict:delete(key(self, index))
    return nil, "exists"
  elseif not ok then
    return nil, message == "no memory" and store.full(#data) or message
  end
  self.position = self.position + #data
  dict:safe_set(self.last_key, index)
  local room = self:room()
  while self.position - start(self) > room and remove_first(self, index) do
  end
  return true
end

-- Leaves out a number, so that all readers have a gap there. Returns it. Values of existing keys need no room.
function Log:skip(index)
  self.store.dict:safe_set(self.start_key, self.position)
  self.store.dict:safe_set(self.skipped_key, index)
  self.store.dict:safe_set(self.first_key, index + 1)
  self.store.dict:safe_set(self.last_key, index)
  return index
end

-- `largest`: the bytes of messages with which a batch is full.
local function new(of)
  local self = setmetatable({ store = of }, Log)
  self.largest = math.min(LARGEST, of.dict:capacity() / SHARE / 8)
  self.first_key, self.last_key = of:key "first", of:key "last"
  self.skipped_key, self.start_key = of:key "skipped", of:key "start"
  if of.dict:safe_add(self.first_key, 1) then
    of:next(LOGS)
  end
  of.dict:safe_add(self.last_key, 0)
  of.dict:safe_add(self.skipped_key, 0)
  of.dict:safe_add(self.start_key, 0)
  self.position = start(self) -- until it has read a batch
  return self
end

return { new = new }
