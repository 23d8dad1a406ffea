-- The storage of a node. When its process dies, all unsynced writes from some write on may be lost.
local disk = {}

local Disk = {}
Disk.__index = Disk

function disk.new(random)
  return setmetatable({ random = random, kept = { entries = {} }, written = {}, wipes = 0 }, Disk)
end

local writing = {}

function writing.entry(kept, index, entry)
  table.insert(kept.entries, { index, entry })
end

function writing.meta(kept, meta)
  kept.meta = meta
end

function writing.base(kept, base, machine)
  kept.meta, kept.log, kept.machine, kept.entries = base.meta, base.log, machine, {}
end

-- Writes an entry, meta, or a base with the machine's snapshot.
function Disk:write(what, ...)
  table.insert(self.written, { what, ... })
end

local function keep(self, count)
  for i = 1, count do
    local each = self.written[i]
    writing[each[1]](self.kept, each[2], each[3])
  end
  self.written = {}
end

function Disk:sync()
  keep(self, #self.written)
end

function Disk:crash()
  if #self.written > 0 then
    keep(self, self.random(#self.written + 1) - 1)
  end
end

function Disk:wipe()
  self.kept = { entries = {} }
  self:forget()
end

-- Counts the contents as lost from now on. Returns how often that has happened.
function Disk:forget()
  self.wipes = self.wipes + 1
  return self.wipes
end

function Disk:has_state()
  return self.kept.log ~= nil
end

-- Whether the command at an index survives a loss of power.
function Disk:has(index)
  local kept = self.kept
  local last = kept.entries[#kept.entries]
  return kept.log ~= nil and (kept.log.index >= index or last ~= nil and last[1] >= index)
end

-- Returns the option `stored` of protocol.new, and the machine's snapshot, if there is one.
function Disk:load()
  local kept = self.kept
  return kept.meta and { meta = kept.meta, log = kept.log, entries = kept.entries }, kept.machine
end

return disk
