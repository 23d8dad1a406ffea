-- A member's events that are not in the log yet, in order, each with its number. Messages in a row are one event with
-- the number of the last one. An event that is not counted has the number of the counted one before it, plus a half.
local run = require "corosync.resty.node.run"

local Pending = {}
Pending.__index = Pending

local function size(event)
  return event.kind == "messages" and #event.a or 0
end

function Pending:push(number, kind, a, b, c)
  local event = { number = number, kind = kind, a = a or false, b = b or false, c = c or false, at = ngx.now() }
  self._last = self._last + 1
  self[self._last] = event
  self.bytes = self.bytes + size(event)
end

-- The oldest, or nil.
function Pending:peek()
  return self[self._first]
end

-- Removes the oldest `count` events.
function Pending:pop(count)
  for place = self._first, self._first + count - 1 do
    self.bytes = self.bytes - size(self[place])
    self[place] = nil
  end
  self._first = self._first + count
end

-- Removes the first messages of the oldest event.
local function cut(self, event, count)
  self.bytes = self.bytes - size(event)
  event.a, event.b = run.cut(event.a, count), event.b - count
  self.bytes = self.bytes + size(event)
end

-- Removes the events up to a number.
function Pending:drop(number)
  local oldest = self:peek()
  while oldest and oldest.number <= number do
    self:pop(1)
    oldest = self:peek()
  end
  if oldest and oldest.kind == "messages" and oldest.number - oldest.b < number then
    cut(self, oldest, number - (oldest.number - oldest.b))
  end
end

function Pending:each()
  local place = self._first - 1
  return function()
    place = place + 1
    return self[place]
  end
end

-- Returns the kind of the counted event of that number, and a message's bytes; nil if it is not there.
function Pending:find(number)
  for event in self:each() do
    local before = event.number - (event.kind == "messages" and event.b or 1)
    if event.number >= number and number > before then
      return event.kind, event.kind == "messages" and run.at(event.a, number - before) or nil
    end
  end
end

function Pending:renumber(by)
  for event in self:each() do
    event.number = event.number + by
  end
end

local function new()
  return setmetatable({ _first = 1, _last = 0, bytes = 0 }, Pending)
end

return { new = new }
