-- One random schedule for replicas on the model. It has phases, in each of which actions have other probabilities
-- (weights), and ends without faults.
local actions = require "sim.actions"
local checks = require "sim.checks"
local disk = require "sim.disk"
local host = require "sim.host"
local model = require "sim.model"
local resizing = require "sim.resizing"
local sets = require "sim.sets"

local schedule = {}

local NODES = { 2, 3, 3, 3, 3, 3, 3, 3, 4, 5 }
local RESIZED = { 3, 5, 5 } -- where nodelists change
local PATIENCE = 3
local BATCH = 20 -- items that each handles in a turn at the end

local Schedule = {}
Schedule.__index = Schedule
schedule.class = Schedule

local function generator(seed)
  local state = (seed * 7919 + 13) % 2147483647 + 1
  local function random(n)
    state = state * 16807 % 2147483647
    return state % n + 1
  end
  for _ = 1, 5 do
    random(2)
  end
  return random
end

function Schedule:living()
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
function Schedule:one_of(list)
  return #list > 0 and list[self.random(#list)] or nil
end

function Schedule:start(id, is_observer)
  local process = self.world:start(id, is_observer)
  self.alive = nil
  self.checks:note("start %s, observer: %s", process.address, is_observer)
  local number = #self.hosts + 1
  self.hosts[number] = host.new(self.protocol, self.world, process, number, self.checks,
    { patience = PATIENCE, observer = is_observer, copies = self.copies })
  self.by_address[process.address] = self.hosts[number]
end

-- Starts a process on each node that has none.
function Schedule:start_missing()
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
function Schedule:is_whole()
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

-- ---- phases ----

local WEIGHTS = { traffic = 40, submit = 15, advance = 10, settle = 5, calm = 5, give_up = 1 }
local FAULTS = { partition = 1, move = 2, heal = 1, kill = 1, start = 2, stop = 2, reconnect = 2, forget = 1,
  die = 1, lose_power = 0.5 }
-- Each of these is in every third or fourth schedule only, because they excuse losses, and would hide faults that other
-- actions reveal.
local MORE_FAULTS = { { restart_corosync = 0.5 }, { resize = 2, reload = 2 } }
-- Where a minority of the nodes may confirm, nodes are fenced.
local FENCED_FAULTS = { fence = 6, stop = 1, reconnect_fenced = 2 }
-- Every fifth schedule leaves time between its faults, so that members have states of several ages.
local STEADY_WEIGHTS = { traffic = 5, submit = 30, rest = 30 }
local STEADY_FAULTS = { move = 8, reconnect = 8, partition = 3, kill = 3, start = 4 }
local STEADY_MORE = { -- one of them
  { restart_corosync = 3, lose_power = 3 },
  { resize = 30, reload = 8, part = 20 },
  { outrun = 20, start = 12, die = 3 },
}
local STEADY_FACTORS = { 0.5, 1, 1, 2 }
local FAULT_FACTORS = { 0, 0, 0, 0.5, 1, 2, 6 }
local FACTORS = { 0.2, 1, 1, 2, 4 }
local BURSTS = { 4, 15, 40, 120 }
local BATCHES = { 1, 1, 4, 30 }
local SLOWNESS = { 5, 15, 60 }
local TRAFFIC = {
  { "order", "hand_over", "deliver", "deliver" },
  { "order", "order", "hand_over", "deliver" },
  { "order", "hand_over", "hand_over", "hand_over", "deliver" },
  { "order", "order", "order", "hand_over", "hand_over", "hand_over", "deliver" },
}

local function draw(self, weights, factors, into)
  for _, name in ipairs(sets.sorted_keys(weights)) do
    local weight = weights[name] * self:one_of(factors)
    if weight > 0 then
      into[#into + 1] = { weight = weight, act = actions[name] or resizing[name] }
      into.total = into.total + weight
    end
  end
end

-- Begins a phase with new random weights: some phases have many faults, others long quiet times or slow nodes.
local function begin_phase(self)
  self.phase = {
    total = 0,
    left = 3 + self.random(12),
    burst = self:one_of(BURSTS),
    batch = self:one_of(BATCHES),
    traffic = self:one_of(TRAFFIC),
  }
  self.slow = self.random(3) == 1 and self.random(#self.world.nodes) or nil
  self.slowness = self:one_of(SLOWNESS)
  if self.is_steady then
    draw(self, STEADY_WEIGHTS, STEADY_FACTORS, self.phase)
    draw(self, STEADY_FAULTS, STEADY_FACTORS, self.phase)
    draw(self, self.steady_more, STEADY_FACTORS, self.phase)
  else
    draw(self, WEIGHTS, FACTORS, self.phase)
    draw(self, self.copies and FENCED_FAULTS or FAULTS, FAULT_FACTORS, self.phase)
  end
  for _, more in ipairs(self.more_faults) do
    draw(self, more, FAULT_FACTORS, self.phase)
  end
end

function Schedule:act()
  if not self.phase or self.phase.left == 0 then
    begin_phase(self)
  end
  self.phase.left = self.phase.left - 1
  local left = self.random(1000000) / 1000000 * self.phase.total
  for _, choice in ipairs(self.phase) do
    left = left - choice.weight
    if left <= 0 then
      return choice.act(self)
    end
  end
end

-- Most schedules begin when all members are full.
local function begin_whole(self)
  for _ = 1, 30 do
    actions.calm(self, BATCH)
    if self:is_whole() then
      break
    end
    actions.advance(self, self.random(8) / 10)
  end
end

-- ---- the end ----

local function make_whole(self)
  self.slow, self.world.fuse = nil, nil
  resizing.finish(self)
  for _, each in ipairs(self:living()) do
    each.process.stopped = false
    if not each.process.connected then
      self.world:join(each.process)
    end
  end
  self:start_missing()
  self.world:forget_ghosts()
  self.world:heal()
end

local function is_settled(each)
  return each.replica.status == (each.replica.observer and "observing" or "ready")
end

-- Whether each member is settled and has had a command confirmed. A command that was submitted before its member had
-- the state may fail; then the member submits one more.
local function is_done(self, last)
  local done = true
  for _, each in ipairs(self:living()) do
    local operation = last[each]
    if operation.code and operation.code ~= "ok" then
      last[each] = self.checks:submit(each)
    end
    done = done and operation.code == "ok" and is_settled(each)
  end
  return done
end

local function complain(self, last)
  for _, each in ipairs(self:living()) do
    if not is_settled(each) then
      checks.fail("%s is still %s", each.address, each.replica.status)
    elseif last[each].code ~= "ok" then
      checks.fail("the last command of %s is not confirmed: %s", each.address, tostring(last[each].code))
    end
  end
end

-- Whether all members have applied equally many commands.
local function has_applied_all(self)
  local first = self:living()[1]
  for _, each in ipairs(self:living()) do
    if #each.commands ~= #first.commands then
      return false
    end
  end
  return true
end

-- Repairs all faults. Within a minute after that, a command of each member must be confirmed, and all members must be
-- full.
function Schedule:finish()
  self.checks:note "all is made whole"
  make_whole(self)
  local last, rounds = {}, 0
  for _, each in ipairs(self:living()) do
    last[each] = self.checks:submit(each)
  end
  while not is_done(self, last) do
    rounds = rounds + 1
    if rounds > 300 then
      complain(self, last)
    end
    actions.calm(self, BATCH)
    actions.advance(self, 0.2)
  end
  for _ = 1, 50 do
    actions.calm(self, BATCH)
    if has_applied_all(self) then
      break
    end
  end
  self.checks:compare(self:living())
end

-- ---- a run ----

local function percentage(random)
  return ({ 0, 10, 40, 80 })[random(4)]
end

-- Gives a node storage, or none.
function Schedule:add_storage(id)
  self.world.nodes[id].disk = self.world:chance(self.storage) and disk.new(self.random) or nil
end

local function new(protocol, seed, options)
  local random = generator(seed)
  local self = setmetatable({ protocol = protocol, random = random, hosts = {}, by_address = {}, more_faults = {} },
    Schedule)
  self.copies = options.copies
  self.is_steady = not self.copies and seed % 5 == 0
  self.steady_more = STEADY_MORE[seed % 3 + 1]
  local counts = self.is_steady and self.steady_more.resize and RESIZED or NODES
  local count = options.nodes or counts[random(#counts)]
  self.most, self.removed = count + random(count), 0
  local majority = math.floor(count / 2) + 1
  self.checks = checks.new(math.min(self.copies or majority, majority), self.by_address, options.log,
    self.copies ~= nil)
  self.world = model.new(count, random, {
    lost = percentage(random),
    cut = ({ 1, 3, 12 })[random(3)],
    one_by_one = percentage(random),
    untold = random(8) == 1 and not self.copies and 20 or 0,
    quorum = self.copies,
    settling = ({ 2, 10, 40 })[random(3)],
    floor = function(world) return math.floor(world.now * 1000) end,
  })
  self.storage = ({ 0, 0, 60, 100, 100 })[random(5)] -- percent of the nodes
  for id = 1, count do
    self:add_storage(id)
  end
  for id = 1, count do
    self:start(id)
  end
  for i, more in ipairs(self.copies and {} or MORE_FAULTS) do
    table.insert(self.more_faults, seed % (i + 2) == 0 and more or nil)
  end
  self.has_observers = random(6) == 1
  if self.has_observers then
    self:start(random(count), true)
  end
  return self
end

-- Runs a schedule of `options.steps` steps. With `options.copies` a minority may confirm commands, and nodes die one at
-- a time. Returns the schedule's operations, or nil and the problem.
function schedule.run(protocol, seed, options)
  local self
  local function go()
    self = new(protocol, seed, options)
    if self.random(4) > 1 then
      begin_whole(self)
    end
    for step = 1, options.steps do
      self.step = step
      self:act()
    end
    self:finish()
  end
  local ok, problem = xpcall(go, function(raised)
    return type(raised) == "table" and raised.problem or debug.traceback(tostring(raised))
  end)
  if not ok then
    return nil, problem
  end
  return self.checks.operations
end

-- Returns the least number of steps with which a failing schedule still fails, as far as halving finds it.
function schedule.shrink(protocol, seed, options)
  local least, problem = options.steps, nil
  local step = options.steps
  while step >= 1 do
    local fewer = least - step
    local shorter = setmetatable({ steps = fewer }, { __index = options })
    local fine, found = nil, nil
    if fewer >= 0 then
      fine, found = schedule.run(protocol, seed, shorter)
    end
    if fewer >= 0 and not fine then
      least, problem = fewer, found
    else
      step = math.floor(step / 2)
    end
  end
  return least, problem
end

return schedule
