-- Actions of a schedule with its networks and members. Others are in turns.lua, failures.lua and resizing.lua.
local losses = require "sim.losses"
local turns = require "sim.turns"

local actions = {}

function actions.partition(self)
  self.checks:note "partition"
  self.world:partition()
end

function actions.move(self)
  local id = self.random(#self.world.nodes)
  self.checks:note("node %s moves", id)
  self.world:move(id)
end

function actions.heal(self)
  self.checks:note "heal"
  self.world:heal()
end

-- Starts a process. On a node with storage only one process has a state, so others are observers.
function actions.start(self)
  local id = self.random(#self.world.nodes)
  local disk = self.world.nodes[id].disk
  local is_observer = self.has_observers and self.random(2) == 1
  local may_start = is_observer or not (disk and disk.user)
  if #self:living() < self.most and may_start then
    self:start(id, is_observer)
    losses.check(self)
  end
end

function actions.stop(self)
  local host = self:one_of(self:living())
  if host then
    host.process.stopped = not host.process.stopped
    self.checks:note("%s is paused: %s", host, host.process.stopped)
  end
end

-- A connection is lost, or comes back.
function actions.reconnect(self, host)
  host = host or self:one_of(self:living())
  if not host then
    return
  end
  self.checks:note("%s connected: %s", host, not host.process.connected)
  if host.process.connected then
    self.world:leave(host.process)
  else
    self.world:join(host.process)
  end
end

-- A member loses its connection while all members are full, or comes back.
function actions.reconnect_fenced(self)
  local host = self:one_of(self:living())
  if host and (not host.process.connected or not self.dead and self:is_whole()) then
    actions.reconnect(self, host)
  end
end

function actions.submit(self)
  local host = self:one_of(self:living())
  for _ = 1, host and self.random(4) or 0 do
    if host.process.alive then
      self.checks:submit(host)
    end
  end
end

function actions.give_up(self)
  local id = #self.checks.operations - self.random(10) + 1
  local operation = self.checks.operations[id]
  if operation and not operation.code and operation.host.process.alive then
    self.checks:note("gives up %s", id)
    operation.host:give_up(id)
  end
end

-- Pauses some members while all others leave and come back, so that these may agree without the paused ones.
function actions.outrun(self)
  if not self:is_whole() then
    return
  end
  self.checks:note "some are paused, the others join again"
  for _, each in ipairs(self:living()) do
    if self.random(2) == 1 then
      each.process.stopped = true
    else
      self.world:rejoin(each.process)
    end
  end
  for _ = 1, self.random(4) do
    turns.rest(self)
    actions.submit(self)
  end
  self.checks:note "nothing is paused"
  for _, each in ipairs(self:living()) do
    each.process.stopped = false
  end
end

return actions
