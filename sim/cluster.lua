-- A world whose processes are hosts, with the checks: the base of random and hand-written schedules. Fields:
--   protocol             the module, perhaps with a planted fault
--   random(n)            the source of all random choices
--   world, checks        see model.lua, checks.lua
--   hosts, by_address    all hosts that ever existed
--   alive                those of living processes, while they are known
--   copies               the protocol's option
--   storage              the percentage of nodes with storage
local disk = require "sim.disk"
local host = require "sim.host"

local Cluster = {}
Cluster.__index = Cluster

-- Returns the hosts of living processes.
function Cluster:living()
  if not self.alive then
    self.alive = {}
    for _, each in ipairs(self.hosts) do
      if each.process.alive then
        table.insert(self.alive, each)
      end
    end
  end
  return self.alive
end

-- Returns a random item; nil if the list is empty.
function Cluster:one_of(list)
  return #list > 0 and list[self.random(#list)] or nil
end

function Cluster:start(id, is_observer)
  local process = self.world:start(id, is_observer)
  self.alive = nil
  self.checks:note("start %s, observer: %s", process.address, is_observer)
  local number = #self.hosts + 1
  self.hosts[number] = host.new(self.protocol, self.world, process, number, self.checks,
    { patience = 3, observer = is_observer, copies = self.copies })
  self.by_address[process.address] = self.hosts[number]
end

function Cluster:kill(victim, is_ghost)
  self.world:kill(victim.process, is_ghost)
  self.alive = nil
end

-- Nodes lose power: a set of their ids.
function Cluster:lose_power(ids)
  self.world:lose_power(ids)
  self.alive = nil
end

-- Starts a process on each node that has none.
function Cluster:start_missing()
  local present = {}
  for _, each in ipairs(self:living()) do
    present[each.process.node] = present[each.process.node] or not each.replica.observer
  end
  for id in ipairs(self.world.nodes) do
    if not present[id] then
      self:start(id)
    end
  end
end

-- Whether all members are full in the same epoch, so that each has all confirmed commands.
function Cluster:is_whole()
  local first
  for _, each in ipairs(self:living()) do
    local active = each.replica.active
    if not each.replica.observer then
      first = first or active
      local is_full = each.replica.status == "ready" and each.process.connected
      if not is_full or active.tag ~= first.tag or active.epoch ~= first.epoch then
        return false
      end
    end
  end
  return first ~= nil
end

-- Gives a node storage, or none.
function Cluster:add_storage(id)
  self.world.nodes[id].disk = self.world:chance(self.storage) and disk.new(self.random) or nil
end

return Cluster
