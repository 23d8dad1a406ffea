-- The commands of a generation in their order: appended as they come, applied once they are confirmed. They come in
-- batches, { client, seq, list }, and each command has an index. Each client's batches are numbered, so one that was
-- sent again is appended once. Everything here follows from the batches alone: members with the same batches have the
-- same log.
local fields = require "corosync.replica.protocol.fields"

local log = {}

local REMEMBERED = 4096 -- clients; if there are more, the one whose last command is the oldest is forgotten

local Log = {}
Log.__index = Log

-- `hash(digest, batch)` returns a digest of all commands so far. `remembered`: for tests.
function log.new(index, hash, remembered)
  return setmetatable({
    hash = hash,
    remembered = remembered or REMEMBERED,
    origin = index, -- the index that the initial state was given
    digest = 0,
    digests = {}, -- by index of the last command of a batch in `tail`
    index = index, -- of the last command appended
    applied = index, -- of the last one applied
    tail = {}, -- by index of the first command: the batches in between
    jumps = {}, -- by index of a command: the greater index that the next command follows
    last = {}, -- by client: the number of its last batch
    used = {}, -- by client: the index of its last command
    clients = 0,
    forgotten = 0, -- clients, so far
  }, Log)
end

local function forget_oldest(self)
  local oldest
  for client, index in pairs(self.used) do
    if not oldest or index < self.used[oldest] then
      oldest = client
    end
  end
  self.last[oldest], self.used[oldest] = nil, nil
  self.clients, self.forgotten = self.clients - 1, self.forgotten + 1
end

-- Gives a batch the next indices.
local function add(self, batch, digest)
  self.tail[self.index + 1] = batch
  self.index = self.index + #batch.list
  self.digests[self.index] = digest
end

-- Appends a batch. Returns false if it is a duplicate, if one before it is missing, or if its client was forgotten.
function Log:append(batch)
  local last = self.last[batch.client]
  if batch.seq ~= (last or 0) + 1 then
    return false
  end
  self.digest = self.hash(self.digest, batch)
  add(self, batch, self.digest)
  self.last[batch.client], self.used[batch.client] = batch.seq, self.index
  if not last then
    self.clients = self.clients + 1
    if self.clients > self.remembered then
      forget_oldest(self)
    end
  end
  return true
end

-- Takes the batches after an index out of the tail. Returns them in their order, each with its digest and the indices
-- of its first and last command.
local function take_after(self, index)
  local taken = {}
  for first, batch in pairs(self.tail) do
    if first > index then
      local last = first + #batch.list - 1
      taken[#taken + 1] = { batch = batch, digest = self.digests[last], first = first, last = last }
    end
  end
  table.sort(taken, function(one, other) return one.first < other.first end)
  for _, each in ipairs(taken) do
    self.tail[each.first], self.digests[each.last] = nil, nil
  end
  return taken
end

-- Returns the greatest index that has a command or was applied.
local function end_of_tail(self)
  local last = self.applied
  for first, batch in pairs(self.tail) do
    last = math.max(last, first + #batch.list - 1)
  end
  return last
end

local function jump_from(self, index, to)
  for at, target in pairs(self.jumps) do
    if at >= index then
      self.jumps[at], self.digests[target] = nil, nil
    end
  end
  self.jumps[index] = to
end

-- Gives the commands after `index` new indices, from `floor` + 1 on; the next command to be appended follows them.
-- `index` must be that of a batch's last command, after which no member has applied anything; `floor` must be at least
-- the index of the log's last command.
function Log:move(index, floor)
  local moved = take_after(self, index)
  local last = end_of_tail(self)
  if floor > last then
    jump_from(self, last, floor)
  end
  self.index = floor
  for _, each in ipairs(moved) do
    local client = each.batch.client
    add(self, each.batch, each.digest)
    if self.used[client] == each.last then
      self.used[client] = self.index
    end
  end
  if self.index > self.applied then
    self.digests[self.index] = self.digest
  end
end

-- Skips indices that have no command.
local function follow_jump(self)
  local to = self.jumps[self.applied]
  if to then
    self.jumps[self.applied], self.digests[to] = nil, nil
    self.applied = to
  end
end

-- Returns the next batch to apply and the index of its first command, or nil if there is none up to `last`, the last
-- index of a batch.
function Log:next(last)
  if self.applied < last then
    follow_jump(self)
  end
  if self.applied >= last then
    return nil
  end
  local first = self.applied + 1
  local batch = self.tail[first]
  self.applied = self.applied + #batch.list
  self.tail[first], self.digests[self.applied] = nil, nil
  return batch, first
end

-- Whether another member's log has the same commands as this one, up to an index. Commands that were applied here need
-- no check, because all full members have acknowledged them.
function Log:agrees(index, digest)
  return index <= self.applied or self.digests[index] == digest
end

-- Returns the numbers of a client's batches that were appended and not yet applied, as a set.
function Log:waiting(client)
  local found = {}
  for _, batch in pairs(self.tail) do
    if batch.client == client then
      found[batch.seq] = true
    end
  end
  return found
end

local NUMBERS = { "origin", "index", "applied", "digest", "clients", "forgotten" }
local TABLES = { "digests", "tail", "jumps", "last", "used" }

-- Returns plain tables, from which log.restore makes an equal log.
function Log:snapshot()
  return fields.take(self, {}, NUMBERS, TABLES)
end

function log.restore(snapshot, hash, remembered)
  return fields.take(snapshot, log.new(snapshot.index, hash, remembered), NUMBERS, TABLES)
end

return log
