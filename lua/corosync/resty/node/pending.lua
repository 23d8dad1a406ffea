-- A member's events that are not in the log yet, in order, each with its number. One that is not counted has the number
-- of the counted one before it, and a half.
local Pending = {}
Pending.__index = Pending

local function size(event)
  return event.kind == "message" and #event.c or 0
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

-- Removes the events up to a number.
function Pending:drop(number)
  while self._first <= self._last and self[self._first].number <= number do
    self:pop(1)
  end
end

function Pending:count()
  return self._last - self._first + 1
end

function Pending:each()
  local place = self._first - 1
  return function()
    place = place + 1
    return self[place]
  end
end

-- The counted event of that number, or nil.
function Pending:find(number)
  for event in self:each() do
    if event.number >= number then
      return event.number == number and event or nil
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
