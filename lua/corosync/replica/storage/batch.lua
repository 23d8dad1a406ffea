-- Writes the entries and the meta blob that a store has been given since the last commit.
local file = require "corosync.replica.storage.file"
local rows = require "corosync.replica.storage.rows"

local batch = {}

local function copy(state)
  local result = {}
  for name, value in pairs(state) do
    result[name] = value
  end
  return result
end

local function write(self, state)
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

-- Writes the batch, and the state after `change` was applied to it, in one synced transaction. After a failure (nil,
-- message, code) the batch is kept.
function batch.commit(self, change)
  local state, oldest = copy(self.state), nil
  local done, message, code = self.conn:transaction(function()
    local fine, why, kind
    oldest, why, kind = write(self, state)
    fine = oldest
    if fine and change then
      fine, why, kind = change(state)
    end
    if fine and (self.meta or change) then
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

return batch
