-- The digest of all results of a machine so far, and the digests after earlier batches. Members with equal states get
-- equal results, so members compare these digests.
local core = require "corosync.binding"
local plain = require "corosync.replica.machines.plain"

local chain = {}

local HISTORY = 10000 -- batches after which the digest is remembered
local DIGESTED_ENTRIES = 2000 -- of a result; only the type of a larger one is digested

local Chain = {}
Chain.__index = Chain

-- `digest`: the digest after the command with the index `last`; nil if there was no command.
function chain.new(digest, last)
  local self = setmetatable({ digest = digest or 0, last = last, at = {}, indices = {}, newest = 0 }, Chain)
  self:remember()
  return self
end

local function digestible(result)
  return type(result) == "table" and plain.digest(result, DIGESTED_ENTRIES) or result
end

-- Adds the result of the command with this index. To be called before the next command is applied, which may change
-- the result: it may be a part of the state.
function Chain:add(result, index)
  self.digest, self.last = core.digest(self.digest, digestible(result)), index
end

-- Adds an error without its text, which may contain a local path.
function Chain:add_error(index)
  self.digest, self.last = core.digest(self.digest, "raised"), index
end

-- Remembers the present digest. Members compare only digests after whole batches.
function Chain:remember()
  local index = self.last
  if not index or self.at[index] then
    return
  end
  self.at[index] = self.digest
  self.newest = self.newest % HISTORY + 1
  local oldest = self.indices[self.newest]
  if oldest then
    self.at[oldest] = nil
  end
  self.indices[self.newest] = index
end

return chain
