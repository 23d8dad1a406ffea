-- Members of a replica on the nodes of a lab, as spec/helpers/clients/object_member.lua.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local kill = require("spec.helpers.program").kill
local lab = require "corosync.lab"

local lock_members = {}

local DEADLINE = 60

local Members = {}
Members.__index = Members

-- A lab of three nodes with a replica of its own on them.
function lock_members.new(options)
  options = options or {}
  local cluster = assert(lab.start { nodes = 3, token = options.token or 500 })
  return setmetatable({ cluster = cluster, programs = {}, name = "locks", number = 0 }, Members)
end

function Members:start(node, storage)
  local argv = { groups.interpreter, "spec/helpers/clients/object_member.lua", self.name, storage }
  local program = assert(self.cluster:run(node, argv, { host = true }))
  program.seen = 0
  self.programs[node] = program
end

-- A new replica: none of the processes before is in it.
function Members:start_all()
  self.number = self.number + 1
  self.name = "locks-" .. self.number
  for node = 1, 3 do
    if not self.cluster:members(node) then
      assert(self.cluster:restart(node))
    end
  end
  assert(self.cluster:heal())
  assert(self.cluster:wait_members({ 1, 2, 3 }, DEADLINE))
  for node = 1, 3 do
    self:start(node)
  end
  for node = 1, 3 do
    self:await(node, "^ready")
  end
end

function Members:end_all()
  kill(self.programs)
end

function Members:tell(node, line)
  assert(self.programs[node]:write(line .. "\n"))
end

-- The captures of the pattern in the first line that fits, after those that were awaited before; nil if there is none.
function Members:find(node, pattern)
  local program = self.programs[node]
  for i = program.seen + 1, #program.lines do
    local found = { program.lines[i]:match(pattern) }
    if found[1] then
      program.seen = i
      return (table.unpack or unpack)(found) -- luacheck: ignore 113
    end
  end
end

function Members:await(node, pattern)
  local found
  local program = self.programs[node]
  assert(self.cluster:wait_for(function()
    found = { self:find(node, pattern) }
    return found[1] ~= nil
  end, DEADLINE, ("'%s' from node %d, which has written:\n%s\n%s\n"):format(pattern, node,
    table.concat(program.lines, "\n"), table.concat(program.errors, "\n"))))
  return (table.unpack or unpack)(found) -- luacheck: ignore 113
end

-- The token that a member gets, and when.
function Members:acquire(node, name, timeout)
  self:tell(node, ("acquire %s %s"):format(name, timeout or ""))
  return self:granted(node, name)
end

function Members:granted(node, name)
  local token, at = self:await(node, ("^held %s (%%d+) @(%%S+)"):format(name))
  return tonumber(token), tonumber(at)
end

-- Why a member has lost the lock, and when.
function Members:lost(node, name)
  local reason, at = self:await(node, ("^lost %s (%%S+) @(%%S+)"):format(name))
  return reason, tonumber(at)
end

-- Waits until the state says on a node that so many wait for the lock.
function Members:waiting(node, name, count)
  local waiters
  assert(self.cluster:wait_for(function()
    self:tell(node, "holder " .. name)
    waiters = self:await(node, ("^holder %s %%S+ %%S+ (%%S*) @"):format(name))
    return select(2, waiters:gsub("[^,]+", "")) == count
  end, DEADLINE, count .. " waiters"))
  return waiters
end

return lock_members
