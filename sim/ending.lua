-- The end of a schedule, without faults.
local checks = require "sim.checks"
local resizing = require "sim.resizing"
local turns = require "sim.turns"

local ending = {}

local BATCH = 20 -- items that each handles in a turn

local function make_whole(self)
  self.slow, self.world.planned_fault = nil, nil
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
function ending.reach(self)
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
    turns.calm(self, BATCH)
    turns.advance(self, 0.2)
  end
  for _ = 1, 50 do
    turns.calm(self, BATCH)
    if has_applied_all(self) then
      break
    end
  end
  self.checks:compare(self:living())
end

return ending
