-- The digest of all results of a machine so far, and the digests after earlier batches. Members with equal states get
-- equal results, so members compare these digests.
local core = require "corosync.binding"

local chain = {}

local HISTORY = 10000 -- batches after which the digest is remembered

local Chain = {}
Chain.__index = Chain

-- `digest`: the digest after the command with the index `last`; nil if there was no command.
function chain.new(digest, last)
  local self = setmetatable({ digest = digest or 0, last = last, at = {}, indices = {}, newest = 0 }, Chain)
  self:remember()
  return self
end

-- Adds the results `from` to `to` of a table; result i is that of the command with the index `index` + i. Results that
-- are added together or one by one give the same digest.
function Chain:add(values, from, to, index)
  if to >= from then
    self.digest, self.last = core.digest_each(self.digest, values, from, to), index + to
  end
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
