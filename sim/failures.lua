-- Actions of a schedule in which processes die, and nodes lose power, Corosync or their state.
local losses = require "sim.losses"
local sets = require "sim.sets"

local failures = {}

-- Whether a process's storage may be lost. It may be only if the node has noted a generation; otherwise the node would
-- seem never to have had a state.
local function may_lose(self, process)
  return process.disk == nil or self.world.nodes[process.node].noted ~= nil
end

-- Sometimes wipes a node's storage.
local function lose_disk(self, id)
  local disk = self.world.nodes[id].disk
  if disk and self.random(6) == 1 then
    self.checks:note("the storage of node %s is lost", id)
    disk:wipe()
  end
end

function failures.kill(self)
  local living = self:living()
  if #living > 1 then
    local victim = self:one_of(living)
    local is_ghost = self.random(6) == 1
    self.checks:note("kill %s, ghost: %s", victim, is_ghost)
    self:kill(victim, is_ghost)
    if victim.process.disk and may_lose(self, victim.process) then
      lose_disk(self, victim.process.node)
    end
    losses.check(self)
  end
end

-- Returns the kind of message after which a process dies: often "ready", with which it has promised to begin a
-- generation; nil for any.
local function moment(self)
  return self.random(3) == 1 and "ready" or nil
end

-- A process dies soon, between two of its effects.
function failures.die(self)
  self.world:plan_fault(self.random(20), function(victim)
    self.checks:note("%s dies", victim)
    self:kill(victim)
    losses.check(self)
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

-- Lets power fail on some nodes. Returns them, as a set.
local function fail_power(self)
  local failing = some_nodes(self)
  if self.random(2) == 1 then
    send_all(self)
  end
  self.checks:note("power fails on nodes %s", table.concat(sets.sorted_keys(failing), " "))
  lose_seqs(self, failing)
  self:lose_power(failing)
  for _, id in ipairs(sets.sorted_keys(failing)) do
    lose_disk(self, id)
  end
  losses.check(self)
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
function failures.lose_power(self)
  self.world:plan_fault(self.random(60), function()
    if meet(self, fail_power(self)) then
      self:start_missing()
    end
  end, moment(self))
end

-- The Corosyncs of some nodes restart while the processes go on. Then a ring forms of all nodes, of those that have
-- restarted, or not at all.
function failures.restart_corosync(self)
  local ids = some_nodes(self)
  self.checks:note("Corosync restarts on nodes %s", table.concat(sets.sorted_keys(ids), " "))
  lose_seqs(self, ids)
  self.world:lose_corosync(ids)
  losses.check(self)
  meet(self, ids)
  for _, each in ipairs(self:living()) do
    if ids[each.process.node] and self.random(4) > 1 then
      self.world:join(each.process)
    end
  end
end

-- A node dies when all others have its state, or one that has died comes back.
function failures.fence(self)
  if self.dead then
    self.world:heal()
    self:start(self.dead)
    self.dead = nil
  elseif self:is_whole() then
    self.dead = self.random(#self.world.nodes)
    self.checks:note("node %s dies", self.dead)
    self:lose_power { [self.dead] = true }
  end
end

-- A member drops its state. Only members of one node at a time do so, because the others must keep the confirmed
-- commands.
function failures.forget(self)
  local without = {}
  for _, each in ipairs(self:living()) do
    without[each.process.node] = without[each.process.node] or each:is_without_state() or nil
  end
  local host = self:one_of(self:living())
  if not host then
    return
  end
  without[host.process.node] = true
  if may_lose(self, host.process) and 2 * #sets.sorted_keys(without) < #self.world.nodes then
    self.checks:note("%s forgets", host)
    host:forget()
    losses.check(self)
  end
end

return failures
