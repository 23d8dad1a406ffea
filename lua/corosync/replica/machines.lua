-- All machines of a replica, as the one state that the protocol replicates.
local codec = require "corosync.replica.codec"
local machine = require "corosync.replica.machine"

local machines = {}

local KEPT_BYTES = 64 * 1024 * 1024 -- of commands for a machine that the script does not have

local Machines = {}
Machines.__index = Machines

-- What `apply` returns in place of an error's result.
local Failure = {}

-- `hooks`: applied(machine, command, result, index), restored(machine), overfull(machine).
function machines.new(hooks)
  return setmetatable({ hooks = hooks, by_name = {}, names = {} }, Machines)
end

-- If a result is an error: the error.
function machines.failure(result)
  if type(result) == "table" and getmetatable(result) == Failure then
    return true, result.problem
  end
  return false
end

local function find(self, name)
  local found = self.by_name[name]
  if not found then
    found = machine.new(name)
    self.by_name[name] = found
    table.insert(self.names, name)
    table.sort(self.names)
  end
  return found
end

-- The script's functions for a machine.
function Machines:define(name, methods)
  methods.codec = methods.codec or codec
  find(self, name):define(methods)
end

-- ---- the protocol's machine ----

-- Data of a command: the machine's name, a zero byte, and the command's body. A command without a name does nothing:
-- its place in the order is what counts.
function machines.data(name, body)
  return name .. "\0" .. body
end

function Machines:apply(data, index)
  local stop = data:find("\0", 1, true)
  if stop == 1 then
    return true
  end
  local each = find(self, data:sub(1, stop - 1))
  local hooks = self.hooks
  self.is_applying = true
  local ok, result, command = each:apply(data:sub(stop + 1), index)
  self.is_applying = false
  if not ok then
    return setmetatable({ problem = result }, Failure)
  elseif each.methods then
    hooks.applied(each, command, result, index)
  elseif each.bytes > KEPT_BYTES then
    hooks.overfull(each)
  end
  return result
end

function Machines:reset()
  for _, name in ipairs(self.names) do
    local each = self.by_name[name]
    each:reset()
    if each.methods then
      self.hooks.restored(each)
    end
  end
end

-- Snapshots that are being sent keep the bases as they are.
local Snapshot = {}
Snapshot.__index = Snapshot

function Machines:snapshot()
  local made = setmetatable({ machines = {}, readers = {} }, Snapshot)
  for i, name in ipairs(self.names) do
    made.machines[i] = self.by_name[name]
    made.readers[i] = self.by_name[name]:snapshot()
  end
  return made
end

-- The next chunk, a plain value; nil at the end.
function Snapshot:next()
  while self.readers[1] do
    local chunk = self.readers[1]()
    if chunk then
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

-- Takes the chunks of a snapshot as they come; `finish` is what `restore` takes.
local Restoring = {}
Restoring.__index = Restoring

function Machines:begin_restore()
  return setmetatable({ all = self, taken = {} }, Restoring)
end

function Restoring:add(chunk)
  local kind, piece = chunk[1], chunk[2]
  if kind == "machine" then
    local each = machine.new(piece[1], false)
    local known = self.all.by_name[piece[1]]
    each.methods = known and known.methods
    each:begin_restore(piece[2], piece[3])
    table.insert(self.taken, each)
  else
    self.taken[#self.taken]:take(kind, piece)
  end
end

-- May raise: the script's functions make the states.
function Machines:restore(restoring)
  local taken = {}
  for _, each in ipairs(restoring.taken) do
    taken[each.name] = each
    each:finish_restore()
  end
  for _, name in ipairs(self.names) do
    if not taken[name] then
      self.by_name[name]:reset()
    end
  end
  for name, each in pairs(taken) do
    find(self, name)
    self.by_name[name] = each
  end
  for _, name in ipairs(self.names) do
    if self.by_name[name].methods then
      self.hooks.restored(self.by_name[name])
    end
  end
end

-- By name: the index and the digest of the last command, and the state's digest if `whole`.
function Machines:digests(whole)
  local found = {}
  for _, name in ipairs(self.names) do
    local each = self.by_name[name]
    if each.methods and each.last then
      found[name] = { each.last, each.chain, whole and each:digest() or nil }
    end
  end
  return found
end

return machines
