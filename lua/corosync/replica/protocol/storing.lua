-- What a member with storage stores, so that its next process has its state. Only a member made with `durable` emits
-- these effects:
--
--   { "store", "entry", index, entry }   commands were appended, the last one at `index`: `entry` has client, seq, list
--   { "store", "meta", meta }            small facts have changed: a plain table
--   { "store", "replaced" }              state and log were replaced, or commands have got other indices: a new base
--                                        must replace at once what was stored
--   { "sync", mark, index }              all effects before this one must be durable before any later one is carried
--                                        out; then `mark.index` must be set to `index`
--
-- A *base* is what Protocol:stored_base returns, with a snapshot of the machine at the same moment. It may contain more
-- than the effects before it; then later effects repeat some of it. A member that never had a state stores meta without
-- a base.
--
-- All effects before a "send" of the kinds in `storing.before` must be durable before that message is sent, because
-- others rely on it. A loss of power may keep some effects that are not yet durable, but none without all earlier ones.
--
-- The field `mark` tells what is durable: the commands up to its `index`, the state before them and the generation.
-- When the state or the generation is replaced, a new mark takes its place, so a sync that was begun earlier changes
-- only the old one.
local log = require "corosync.replica.protocol.log"

local storing = {}

storing.before = { claim = true, learned = true, ready = true }

local FIELDS = { "generation", "promised", "partial", "nodes", "standing" }

local function meta_of(self)
  local meta = {}
  for _, name in ipairs(FIELDS) do
    meta[name] = self[name]
  end
  return meta
end

local function has_changed(self)
  for _, name in ipairs(FIELDS) do
    if self[name] ~= self.stored_meta[name] then
      return true
    end
  end
  return false
end

local function store_meta(self)
  self.stored_meta = meta_of(self)
  self:emit("store", "meta", self.stored_meta)
end

-- A message of this kind is about to be sent.
function storing.before_send(self, kind)
  if self.durable and storing.before[kind] and has_changed(self) then
    store_meta(self)
  end
end

-- Nothing counts as durable until the next sync.
function storing.unsynced(self)
  self.mark, self.must_sync = { index = 0 }, true
end

function storing.entry(self, message)
  if self.durable then
    self:emit("store", "entry", self.log.index, { client = message.client, seq = message.seq, list = message.list })
    self.must_sync = true
  end
end

function storing.replaced(self)
  if self.durable then
    self:emit("store", "replaced")
    storing.unsynced(self)
  end
end

-- To be called before commands are acknowledged.
function storing.sync(self)
  if not self.durable then
    return
  elseif has_changed(self) then
    store_meta(self)
    self.must_sync = true
  end
  if self.must_sync then
    self.must_sync = false
    self:emit("sync", self.mark, self.log.index)
  end
end

-- Returns the index up to which a full member has commands that survive as its storage promises.
function storing.own_index(self)
  return self.durable and self.mark.index or self.log.index
end

function storing.base(self)
  return { meta = meta_of(self), log = self.log and self.log:snapshot() }
end

-- Takes what an earlier process of the node has stored. `stored`: meta, log (of the base; nil if there is none) and
-- entries, a list of { index, entry }. The machine has been restored already.
function storing.restore(self, stored)
  for _, name in ipairs(FIELDS) do
    self[name] = stored.meta[name]
  end
  if stored.log then
    self.log = log.restore(stored.log, self.hash)
    for _, each in ipairs(stored.entries) do
      if each[1] > self.log.index then
        assert(self.log:append(each[2]) and self.log.index == each[1], "stored commands are not in order")
      end
    end
  end
  self.stored_meta = meta_of(self)
end

return storing
