-- The actions of a schedule: faults of networks, nodes and processes, and turns in which waiting messages and events
-- are processed.
local delivery = require "sim.delivery"
local losses = require "sim.losses"
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

-- Whether a process's storage may be lost. It may be only if the node has noted a generation; otherwise the node would
-- seem never to have had a state.
local function may_lose(self, process)
  return process.disk == nil or self.world.nodes[process.node].noted ~= nil
end

local function lose_disk(self, process)
  if process.disk and may_lose(self, process) and self.random(6) == 1 then
    self.checks:note("the storage of node %s is lost", process.node)
    process.disk:wipe()
  end
end

function actions.kill(self)
  local living = self:living()
  if #living > 1 then
    local victim = self:one_of(living)
    local is_ghost = self.random(6) == 1
    self.checks:note("kill %s, ghost: %s", victim, is_ghost)
    self.world:kill(victim.process, is_ghost)
    self.alive = nil
    lose_disk(self, victim.process)
    losses.look(self)
  end
end

-- Returns the kind of message after which a process dies: often "ready", with which it has promised to begin a
-- generation; nil for any.
local function moment(self)
  return self.random(3) == 1 and "ready" or nil
end

-- A process dies soon, between two of its effects.
function actions.die(self)
  self.world:light(self.random(20), function(victim)
    self.checks:note("%s dies", victim)
    self.world:kill(victim.process)
    self.alive = nil
    losses.look(self)
  end, moment(self))
end

-- Returns some or all nodes, as a set.
local function some_nodes(self)
  local some, takes_all = {}, self.random(2) == 1
  for id in ipairs(self.world.nodes) do
    some[id] = takes_all or self.random(2) == 1 or nil
  end
  return some
end

-- Sometimes lets nodes forget the numbers of their rings.
local function lose_seqs(self, ids)
  if self.random(3) == 1 then
    self.checks:note "the numbers of their rings are lost"
    for id in pairs(ids) do
      self.world.nodes[id].seq = 0
    end
  end
end

-- Delivers to all members what nodes have not sent yet.
local function send_all(self)
  for id in ipairs(self.world.nodes) do
    while self.world:order(id) do end -- luacheck: ignore 542
  end
  for id in ipairs(self.world.nodes) do
    while self.world:hand_over(id) do end -- luacheck: ignore 542
  end
end

-- Returns the nodes that fail, as a set.
local function fail(self)
  local failing = some_nodes(self)
  if self.random(2) == 1 then
    send_all(self)
  end
  self.checks:note("power fails on nodes %s", table.concat(sets.sorted_keys(failing), " "))
  lose_seqs(self, failing)
  self.world:lose_power(failing)
  self.alive = nil
  for _, id in ipairs(sets.sorted_keys(failing)) do
    local disk = self.world.nodes[id].disk
    if disk and self.random(6) == 1 then
      self.checks:note("the storage of node %s is lost", id)
      disk:wipe()
    end
  end
  losses.look(self)
  return failing
end

-- Forms a ring of all nodes, or of the given ones, or none. Returns whether it did.
local function meet(self, ids)
  local fate = self.random(3)
  if fate == 1 then
    self.world:heal()
  elseif fate == 2 then
    self.world:form { ids }
  end
  return fate < 3
end

-- Power fails soon, between two effects of a process.
function actions.lose_power(self)
  self.world:light(self.random(60), function()
    if meet(self, fail(self)) then
      self:start_missing()
    end
  end, moment(self))
end

-- The Corosyncs of some nodes restart while the processes go on. Then a ring forms of all nodes, of those that have
-- restarted, or not at all.
function actions.restart_corosync(self)
  local ids = some_nodes(self)
  self.checks:note("Corosync restarts on nodes %s", table.concat(sets.sorted_keys(ids), " "))
  lose_seqs(self, ids)
  self.world:lose_corosync(ids)
  losses.look(self)
  meet(self, ids)
  for _, each in ipairs(self:living()) do
    if ids[each.process.node] and self.random(4) > 1 then
      self.world:join(each.process)
    end
  end
end

-- A node dies when all others have its state, or one that has died comes back.
function actions.fence(self)
  if self.dead then
    self.world:heal()
    self:start(self.dead)
    self.dead = nil
  elseif self:is_whole() then
    self.dead = self.random(#self.world.nodes)
    self.checks:note("node %s dies", self.dead)
    self.world:lose_power { [self.dead] = true }
    self.alive = nil
  end
end

-- A member loses its connection while all members are full, or comes back.
function actions.reconnect_fenced(self)
  local each = self:one_of(self:living())
  if each and (not each.process.connected or not self.dead and self:is_whole()) then
    actions.reconnect(self, each)
  end
end

-- Starts a process. On a node with storage only one process has a state, so others are observers.
function actions.start(self)
  local id = self.random(#self.world.nodes)
  local disk = self.world.nodes[id].disk
  local is_observer = self.has_observers and self.random(2) == 1
  local may_start = is_observer or not (disk and disk.user)
  if #self:living() < self.most and may_start then
    self:start(id, is_observer)
    losses.look(self)
  end
end

function actions.stop(self)
  local each = self:one_of(self:living())
  if not each then
    return
  end
  each.process.stopped = not each.process.stopped
  self.checks:note("%s is paused: %s", each, each.process.stopped)
end

-- A connection is lost, or comes back.
function actions.reconnect(self, each)
  each = each or self:one_of(self:living())
  if not each then
    return
  end
  self.checks:note("%s connected: %s", each, not each.process.connected)
  if each.process.connected then
    self.world:leave(each.process)
  else
    self.world:join(each.process)
  end
end

-- A member drops its state. Only members of one node at a time do so, because the others must keep the confirmed
-- commands.
function actions.forget(self)
  local without = {}
  for _, each in ipairs(self:living()) do
    without[each.process.node] = without[each.process.node] or each:is_without_state() or nil
  end
  local each = self:one_of(self:living())
  if not each then
    return
  end
  without[each.process.node] = true
  if may_lose(self, each.process) and 2 * #sets.sorted_keys(without) < #self.world.nodes then
    self.checks:note("%s forgets", each)
    each:forget()
    losses.look(self)
  end
end

function actions.submit(self)
  local each = self:one_of(self:living())
  if not each then
    return
  end
  for _ = 1, self.random(4) do
    if each.process.alive then
      self.checks:submit(each)
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

function actions.advance(self, seconds)
  self.world.now = self.world.now + (seconds or self.random(10) / 10)
  for _, each in ipairs(self:living()) do
    if not each.process.stopped then
      each:time()
    end
  end
end

-- A slow node takes part only in some turns.
local function is_idle(self, id)
  return id == self.slow and self.random(self.slowness) > 1
end

-- Each node and each process handles up to `most` waiting items. Returns whether more may wait.
local function take_turns(self, most)
  local has_more = self.slow ~= nil
  for id in ipairs(self.world.nodes) do
    local node = self.world.nodes[id]
    if (#node.outgoing > 0 or #node.backlog > 0) and not is_idle(self, id) then
      for _ = 1, most do
        local did_any = self.world:order(id)
        if not self.world:hand_over(id) and not did_any then
          break
        end
      end
      has_more = true
    end
  end
  for _, each in ipairs(self:living()) do
    if delivery.has_event(self.world, each.process) then
      has_more = each:deliver(most) or has_more
    end
  end
  return has_more
end

-- Handles all that waits, in turns.
function actions.calm(self, most)
  most = most or self.phase.batch
  for _ = 1, 12 do
    if not take_turns(self, most) then
      break
    end
  end
end

-- Lets enough time pass for a new generation, exclusions or transfers.
function actions.settle(self)
  for _ = 1, self.random(20) do
    actions.calm(self)
    actions.advance(self, self.random(8) / 10)
  end
end

-- Lets enough time pass for a new generation.
function actions.rest(self)
  for _ = 1, 2 + self.random(3) do
    actions.calm(self, 10)
    actions.advance(self, self.random(8) / 10)
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
    actions.rest(self)
    actions.submit(self)
  end
  self.checks:note "nothing is paused"
  for _, each in ipairs(self:living()) do
    each.process.stopped = false
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
      each:deliver(self.random(self.phase.batch))
    end
  end
end

-- Handles some of the waiting events, in any order.
function actions.traffic(self)
  for _ = 1, self.random(self.phase.burst) do
    local id = self.random(#self.world.nodes)
    if not is_idle(self, id) then
      traffic[self:one_of(self.phase.traffic)](self, id)
    end
  end
end

return actions
