-- For hand-written schedules: a spec says which faults happen and when, and nothing is random.
local checks = require "sim.checks"
local cluster = require "sim.cluster"
local disk = require "sim.disk"
local ending = require "sim.ending"
local model = require "sim.model"
local plant = require "sim.plant"
local sets = require "sim.sets"
local turns = require "sim.turns"

local directed = {}

local Directed = setmetatable({}, { __index = cluster })
Directed.__index = Directed

-- Returns a schedule of `count` nodes, each with a full member. `has_storage`: whether the nodes have storage.
function directed.new(protocol, count, has_storage)
  local self = setmetatable({ protocol = protocol, hosts = {}, by_address = {}, removed = 0, storage = 0 }, Directed)
  function self.random()
    return 1
  end
  self.checks = checks.new(2, self.by_address)
  self.world = model.new(count, self.random, {
    lost = 0, cut = 1, one_by_one = 0, unreported = 0, settling = 1,
  })
  for id = 1, count do
    self.world.nodes[id].disk = has_storage and disk.new(self.random) or nil
    self:add(id)
  end
  self:wait(2)
  assert(self:is_whole(), "not all members are full")
  return self
end

-- Calls act(schedule, ...) with a new schedule, then repairs all faults. Returns the guarantee that was violated, or
-- nil. `fault`: a fault like those of sim/faults.lua to plant into the protocol, or nil.
function directed.violation(fault, count, has_storage, act, ...)
  local ok, raised = pcall(function(...)
    local self = directed.new(plant(fault), count, has_storage)
    act(self, ...)
    ending.reach(self)
  end, ...)
  if not ok and not (type(raised) == "table" and raised.problem) then
    error(raised, 0)
  end
  return not ok and raised.problem or nil
end

-- Starts a process on a node, and returns it.
function Directed:add(id)
  self:start(id)
  return self.hosts[#self.hosts]
end

-- Lets seconds of the model pass. All waiting messages and events are handled.
function Directed:wait(seconds)
  for _ = 1, 5 * seconds do
    turns.calm(self, 20)
    turns.advance(self, 0.2)
  end
end

-- Lets time pass until is_so() returns true. All waiting messages and events are handled.
function Directed:wait_until(is_so)
  for _ = 1, 1000 do
    turns.calm(self, 20)
    if is_so() then
      return
    end
    turns.advance(self, 0.2)
  end
  error "the condition has not become true"
end

function Directed:wait_for_reply(operation)
  self:wait_until(function() return operation.code == "ok" end)
end

-- Sends all waiting messages, and lets only the given processes handle theirs; events of other processes keep waiting.
-- No time passes.
function Directed:run(processes)
  for _ = 1, 20 do
    for id in ipairs(self.world.nodes) do
      self.world:pass_on(id, math.huge)
    end
    for _, each in ipairs(processes) do
      each:deliver(1000)
    end
  end
end

-- From now on holds back the messages for which is_held(message) is true. Returns the list to which they are added, for
-- `release`.
function Directed:hold(is_held)
  local held = {}
  function self.world.send(world, process, message)
    if is_held(message) then
      held[#held + 1] = { process, message }
    else
      getmetatable(world).send(world, process, message)
    end
  end
  return held
end

function Directed:release(held)
  self.world.send = nil
  for _, each in ipairs(held) do
    self.world:send(each[1], each[2])
  end
end

-- Forms a ring of each list of nodes.
function Directed:form(...)
  local components = {}
  for i, ids in ipairs { ... } do
    components[i] = sets.of(ids)
  end
  self.world:form(components)
end

-- Lets nodes read a nodelist of `count` nodes.
function Directed:reload(count, ids)
  for _, id in ipairs(ids) do
    self.world.nodes[id].listed = count
  end
end

-- Nodes lose power, and forget the numbers of their rings.
function Directed:lose_power(ids)
  for _, id in ipairs(ids) do
    self.world.nodes[id].seq = 0
  end
  cluster.lose_power(self, sets.of(ids))
end

return directed
