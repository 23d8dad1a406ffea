-- The workers of this node that want a group's events, each with two bells: of its handlers, and of its messages. Each
-- has a numbered place in shared memory; whoever rings all bells clears the places of those that have ended.
local Workers = {}
Workers.__index = Workers

local function key(self, place)
  return self.store:key("worker", place)
end

-- Takes a place. Returns true, or nil, message.
function Workers:add(handlers_bell, messages_bell)
  local dict, place = self.store.dict, 0
  local ok, message
  self.names = handlers_bell:name() .. " " .. messages_bell:name()
  repeat
    place = place + 1
    ok, message = dict:safe_add(key(self, place), self.names)
  until ok or message ~= "exists"
  if not ok then
    return nil, message
  end
  self.place = place
  dict:delete(self.store:key("handled", place)) -- of an earlier worker
  if place > (dict:get(self.count_key) or 0) then
    dict:safe_set(self.count_key, place)
  end
  return self.store:next(self.version_key)
end

-- To be called now and then: two workers that begin or end at one moment may have overwritten what this one has set.
function Workers:keep(handlers_bell, messages_bell)
  local dict = self.store.dict
  if dict:get(key(self, self.place)) ~= self.names or (dict:get(self.count_key) or 0) < self.place then
    return self:add(handlers_bell, messages_bell)
  end
  return true
end

function Workers:remove()
  self.store.dict:delete(key(self, self.place))
  self.place = nil
  self.store:next(self.version_key)
end

-- Reads all places anew if somebody has come or gone.
local function refresh(self)
  local version = self.store.dict:get(self.version_key)
  if version == self.version then
    return
  end
  self.version, self.known = version, {}
  for place = 1, self.store.dict:get(self.count_key) or 0 do
    local names = self.store.dict:get(key(self, place)) or ""
    local handlers, messages = names:match "^(%S+) (%S+)$"
    self.known[place] = handlers and { handlers = handlers, messages = messages } or nil
  end
end

-- Rings one of the bells, "handlers" or "messages", of all workers. This one's own handlers need no bell.
function Workers:ring(bell, which)
  refresh(self)
  for place, names in pairs(self.known) do
    if place == self.place and which == "handlers" then
      self.wake_own()
    elseif bell:ring(names[which]) == false then -- not nil: this worker's own bell is closed
      self.known[place] = nil
      self.store.dict:delete(key(self, place))
    end
  end
end

-- Their places, perhaps with those of some that were killed just now.
function Workers:places()
  local places = {}
  refresh(self)
  for place in pairs(self.known) do
    places[#places + 1] = place
  end
  return places
end

-- How many there are, perhaps with some that were killed just now. Wakes none: members that leave ask again and again.
function Workers:count()
  return #self:places()
end

-- `wake_own`: wakes the light thread that calls this worker's handlers.
local function new(of, wake_own)
  return setmetatable({ store = of, wake_own = wake_own, count_key = of:key "workers", version_key = of:key "version",
    known = {} }, Workers)
end

return { new = new }
