-- The results of commands that are applied together, by the position of each command. A result that is a table may be a
-- part of the state, which later commands change, so it is digested and, for callers of this member, copied at once.
local plain = require "corosync.replica.machines.plain"

local results = {}

local DIGESTED_ENTRIES = 2000 -- of a result; only the type of a larger one is digested

-- `is_for_callers`: whether callers of this member get the results.
function results.new(is_for_callers)
  return { is_for_callers = is_for_callers }
end

-- To be called with the position of a table, before the next command is applied.
function results.keep_table(self, i)
  self.digests = self.digests or {}
  self.digests[i] = plain.digest(self[i], DIGESTED_ENTRIES)
  if self.is_for_callers then
    self[i] = plain.detached(self[i])
  end
end

-- Returns a table of the results from `from` to `to`, with a digest for each table.
function results.digestible(self, from, to)
  if not self.digests then
    return self
  end
  local values = {}
  for i = from, to do
    values[i] = self.digests[i] or self[i]
  end
  return values
end

return results
