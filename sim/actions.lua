-- What can happen in a schedule: to networks, nodes and processes, and how much of the waiting work is done.
local sets = require "sim.sets"

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

function actions.kill(self)
  local living = self:living()
  if #living > 1 then
    local victim = self:one_of(living)
    local is_ghost = self.random(6) == 1
    self.checks:note("kill %s, ghost: %s", victim, is_ghost)
    self.world:kill(victim.process, is_ghost)
    self.alive = nil
  end
end

function actions.start(self)
  if #self:living() < self.most then
    self:start(self.random(#self.world.nodes), self.has_observers and self.random(2) == 1)
  end
end

function actions.stop(self)
  local each = self:one_of(self:living())
  each.process.stopped = not each.process.stopped
  self.checks:note("%s is stopped: %s", each, each.process.stopped)
end

-- A connection is lost, or comes back.
function actions.reconnect(self)
  local each = self:one_of(self:living())
  self.checks:note("%s connected: %s", each, not each.process.connected)
  if each.process.connected then
    self.world:leave(each.process)
  else
    self.world:join(each.process)
  end
end

-- A member drops its state, but only one node's at a time: what is confirmed is kept by the others.
function actions.forget(self)
  local without = {}
  for _, each in ipairs(self:living()) do
    without[each.process.node] = without[each.process.node] or each:is_without_state() or nil
  end
  local each = self:one_of(self:living())
  without[each.process.node] = true
  if 2 * #sets.sorted_keys(without) < #self.world.nodes then
    self.checks:note("%s forgets", each)
    each:forget()
  end
end

function actions.submit(self)
  local each = self:one_of(self:living())
  for _ = 1, self.random(4) do
    self.checks:submit(each)
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

function actions.advance(self, seconds)
  self.world.now = self.world.now + (seconds or self.random(10) / 10)
  for _, each in ipairs(self:living()) do
    if not each.process.stopped then
      each:time()
    end
  end
end

-- A node that is slow takes part in one of a few turns only.
local function is_idle(self, id)
  return id == self.slow and self.random(self.slowness) > 1
end

-- Work that waits is done, in turns.
function actions.calm(self)
  for _ = 1, 12 do
    for id in ipairs(self.world.nodes) do
      if not is_idle(self, id) then
        self.world:order(id)
        self.world:hand_over(id)
      end
    end
    for _, each in ipairs(self:living()) do
      each:deliver()
    end
  end
end

-- Time for a new generation, for exclusions, for transfers.
function actions.settle(self)
  for _ = 1, self.random(20) do
    actions.calm(self)
    actions.advance(self, self.random(8) / 10)
  end
end

local traffic = {}

function traffic.order(self, id)
  self.world:order(id)
end

function traffic.hand_over(self, id)
  self.world:hand_over(id)
end

function traffic.deliver(self, id)
  for _, each in ipairs(self:living()) do
    if each.process.node == id and self.random(3) > 1 then
      each:deliver()
    end
  end
end

-- Some of the work that waits is done, in any order.
function actions.traffic(self)
  for _ = 1, self.random(self.phase.burst) do
    local id = self.random(#self.world.nodes)
    if not is_idle(self, id) then
      traffic[self:one_of(self.phase.traffic)](self, id)
    end
  end
end

return actions
