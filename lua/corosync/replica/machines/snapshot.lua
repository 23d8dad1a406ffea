-- A snapshot of all machines, chunk by chunk. The machines' bases do not change while it is sent.
local errors = require "corosync.errors"

local snapshot = {}

local Snapshot = {}
Snapshot.__index = Snapshot

function snapshot.new(all)
  local made = setmetatable({ machines = {}, readers = {} }, Snapshot)
  for i, name in ipairs(all.names) do
    made.machines[i] = all.by_name[name]
    made.readers[i] = all.by_name[name]:snapshot()
  end
  return made
end

-- Returns the next chunk, a plain value; nil at the end; nil and a message if the state cannot be sent.
function Snapshot:next()
  while self.readers[1] do
    local ok, chunk = pcall(self.readers[1])
    if not ok then
      return nil, ("the state of machine %s is not a plain table: %s"):format(errors.quote(self.machines[1].name),
        chunk)
    elseif chunk then
      return chunk
    end
    table.remove(self.readers, 1)
    table.remove(self.machines, 1):release()
  end
end

function Snapshot:release()
  for _, each in ipairs(self.machines) do
    each:release()
  end
  self.machines, self.readers = {}, {}
end

return snapshot
