-- Turns, in which waiting messages and events are processed, and time passes. Each function is an action of a schedule.
local delivery = require "sim.delivery"

local turns = {}

function turns.advance(self, seconds)
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
  for id, node in ipairs(self.world.nodes) do
    if (#node.outgoing > 0 or #node.backlog > 0) and not is_idle(self, id) then
      self.world:pass_on(id, most)
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

-- Handles all waiting messages and events, in turns.
function turns.calm(self, most)
  most = most or self.phase.batch
  for _ = 1, 12 do
    if not take_turns(self, most) then
      break
    end
  end
end

local function pass_time(self, count, most)
  for _ = 1, count do
    turns.calm(self, most)
    turns.advance(self, self.random(8) / 10)
  end
end

-- Lets enough time pass for a new generation, exclusions or transfers.
function turns.settle(self)
  pass_time(self, self.random(20))
end

-- Lets enough time pass for a new generation.
function turns.rest(self)
  pass_time(self, 2 + self.random(3), 10)
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
function turns.traffic(self)
  for _ = 1, self.random(self.phase.burst) do
    local id = self.random(#self.world.nodes)
    if not is_idle(self, id) then
      traffic[self:one_of(self.phase.traffic)](self, id)
    end
  end
end

return turns
