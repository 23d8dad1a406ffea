-- The phases of a random schedule, in each of which actions have other probabilities (weights).
local actions = require "sim.actions"
local failures = require "sim.failures"
local resizing = require "sim.resizing"
local sets = require "sim.sets"
local turns = require "sim.turns"

local phases = {}

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

-- Chooses by its seed which actions a schedule has. Returns whether it changes nodelists often.
function phases.choose(self, seed)
  local is_steady, more = not self.copies and seed % 5 == 0, STEADY_MORE[seed % 3 + 1]
  if is_steady then
    self.weights = { { STEADY_WEIGHTS, STEADY_FACTORS }, { STEADY_FAULTS, STEADY_FACTORS }, { more, STEADY_FACTORS } }
  else
    self.weights = { { WEIGHTS, FACTORS }, { self.copies and FENCED_FAULTS or FAULTS, FAULT_FACTORS } }
  end
  for i, faults in ipairs(self.copies and {} or MORE_FAULTS) do
    table.insert(self.weights, seed % (i + 2) == 0 and { faults, FAULT_FACTORS } or nil)
  end
  return is_steady and more.resize ~= nil
end

local function draw(self, weights, factors, into)
  for _, name in ipairs(sets.sorted_keys(weights)) do
    local weight = weights[name] * self:one_of(factors)
    if weight > 0 then
      into[#into + 1] = { weight = weight, act = actions[name] or turns[name] or failures[name] or resizing[name] }
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
  for _, each in ipairs(self.weights) do
    draw(self, each[1], each[2], self.phase)
  end
end

-- Does a random action.
function phases.act(self)
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

return phases
