-- Takes the chunks of a snapshot as they come, and builds machines of them.
local applying = require "corosync.replica.machines.applying"
local machine = require "corosync.replica.machines.machine"

local restoring = {}

local Restoring = {}
Restoring.__index = Restoring

function restoring.new(all)
  return setmetatable({ all = all, taken = {} }, Restoring)
end

local function take(self, chunk)
  local kind, piece = chunk[1], chunk[2]
  if kind == "machine" then
    local each = machine.new(piece[1])
    local known = self.all.by_name[piece[1]]
    each.methods = known and known.methods
    each:begin_restore(piece[2], piece[3])
    table.insert(self.taken, each)
  else
    self.taken[#self.taken]:take(kind, piece)
  end
end

local function finish_all(self)
  for _, each in ipairs(self.taken) do
    each:finish_restore()
  end
end

-- Calls a function that may call the script's functions, unless one of these has already failed.
local function try(self, f, ...)
  if self.has_failed then
    return
  end
  local ok, problem = applying.pcall(f, self, ...)
  if not ok then
    self.has_failed, self.problem = true, problem
  end
end

function Restoring:add(chunk)
  try(self, take, chunk)
end

-- Completes the machines. Returns true, or false and the first error of the script's functions.
function Restoring:build()
  try(self, finish_all)
  return not self.has_failed, self.problem
end

return restoring
