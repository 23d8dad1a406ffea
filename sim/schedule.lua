-- One random schedule for replicas on the model. It has phases with faults, and ends without faults.
local checks = require "sim.checks"
local cluster = require "sim.cluster"
local ending = require "sim.ending"
local model = require "sim.model"
local phases = require "sim.phases"
local turns = require "sim.turns"

local schedule = {}

local NODES = { 2, 3, 3, 3, 3, 3, 3, 3, 4, 5 }
local RESIZED = { 3, 5, 5 } -- where nodelists change

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

-- Most schedules begin when all members are full.
local function begin_whole(self)
  for _ = 1, 30 do
    turns.calm(self, 20)
    if self:is_whole() then
      break
    end
    turns.advance(self, self.random(8) / 10)
  end
end

local function percentage(random)
  return ({ 0, 10, 40, 80 })[random(4)]
end

-- Returns a world with random anomalies.
local function new_world(self, count)
  local random = self.random
  return model.new(count, random, {
    lost = percentage(random),
    cut = ({ 1, 3, 12 })[random(3)],
    one_by_one = percentage(random),
    unreported = random(8) == 1 and not self.copies and 20 or 0,
    quorum = self.copies,
    settling = ({ 2, 10, 40 })[random(3)],
  })
end

local function new(protocol, seed, options)
  local random = generator(seed)
  local self = setmetatable({
    protocol = protocol, random = random, hosts = {}, by_address = {}, copies = options.copies,
  }, cluster)
  local counts = phases.choose(self, seed) and RESIZED or NODES
  local count = options.nodes or counts[random(#counts)]
  self.most = count + random(count) -- no action starts a process when so many live
  self.removed = 0 -- how many nodes the last change of their number removes
  local majority = math.floor(count / 2) + 1
  self.checks = checks.new(math.min(self.copies or majority, majority), self.by_address, options.log,
    self.copies ~= nil)
  self.world = new_world(self, count)
  self.storage = ({ 0, 0, 60, 100, 100 })[random(5)] -- percent of the nodes
  for id = 1, count do
    self:add_storage(id)
  end
  for id = 1, count do
    self:start(id)
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
    for _ = 1, options.steps do
      phases.act(self)
    end
    ending.reach(self)
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
  local least, problem, step = options.steps, nil, options.steps
  while step >= 1 do
    local fewer, fine, found = least - step, true, nil
    if fewer >= 0 then
      fine, found = schedule.run(protocol, seed, setmetatable({ steps = fewer }, { __index = options }))
    end
    if not fine then
      least, problem = fewer, found
    else
      step = math.floor(step / 2)
    end
  end
  return least, problem
end

return schedule
