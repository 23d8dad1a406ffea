-- The positions of a node's workers in its log, and whether a member must wait for them before it appends more events.
-- A worker is disconnected if events that it has not read are removed. So members wait while a worker is behind by
-- half of the log's room. If it is slower than others, they wait only while it makes progress, so that it does not
-- stop the others.
local core = require "corosync.binding"

local PATIENCE = 10 -- seconds
local STANDSTILL = 1 -- second: the longest time without progress of the slowest worker while others go on

local Pace = {}
Pace.__index = Pace

local function key(self, place)
  return self.store:key("handled", place)
end

-- Notes that this worker has handled all events up to that position of the log.
function Pace:note(position)
  if position ~= self.noted and self.workers.place then
    self.store.dict:safe_set(key(self, self.workers.place), position)
    self.noted = position
  end
end

-- Returns the positions of the slowest and of the fastest worker.
local function ends(self, position)
  local slowest, fastest = position, nil
  for _, place in ipairs(self.workers:places()) do
    local handled = self.store.dict:get(key(self, place)) or position
    slowest, fastest = math.min(slowest, handled), math.max(fastest or 0, handled)
  end
  return slowest, fastest or position
end

-- Whether `is_behind` has been true for less than PATIENCE. `name`: the field with the time when it became true.
local function is_patient(self, name, is_behind)
  self[name] = is_behind and (self[name] or core.now()) or nil
  return is_behind and core.now() - self[name] < PATIENCE
end

-- Returns the position of the fastest worker. Sets `slowest` to that of the slowest, and `moved_at` when it changes.
local function look(self, position)
  local slowest, fastest = ends(self, position)
  if slowest ~= self.slowest then
    self.slowest, self.moved_at = slowest, core.now()
  end
  return fastest
end

-- `position`: the end of the log; `room`: the bytes that the log may have.
function Pace:must_wait(position, room)
  local fastest = position
  if position - self.slowest > room / 2 then
    fastest = look(self, position)
  end
  local waits_for_all = is_patient(self, "all_since", position - fastest > room / 2)
  if waits_for_all then
    self.moved_at = core.now() -- a standstill counts only while others go on
  end
  local waits_for_one = is_patient(self, "one_since", position - self.slowest > room / 2)
  return waits_for_all or waits_for_one and core.now() - self.moved_at < STANDSTILL
end

local function new(store, workers)
  return setmetatable({ store = store, workers = workers, slowest = 0, moved_at = 0 }, Pace)
end

return { new = new }
