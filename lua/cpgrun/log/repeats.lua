-- Counts repeated lines, so that they do not fill a disk. The first line is logged at once, and the number of repeats
-- after 1 s, 2 s, 4 s and so on, up to 60 s.
local own_handle = require "corosync.own_handles"
local uv = require "luv"

local Repeats = {}
Repeats.__index = Repeats

local SHORTEST, LONGEST = 1, 60 -- seconds between two counts of one line
local MOST, LONGEST_KEY = 256, 4096 -- remembered lines, and bytes of each: a line may hold a whole message
local TICK = 200 -- milliseconds between two checks of them

--- Returns a new set.
-- @tparam function tell called with a level, a text and the number of its repeats
function Repeats.new(tell)
  return setmetatable({ tell = tell, by_key = {}, lines = {} }, Repeats)
end

local function report(self, line)
  local times = line.repeats
  line.repeats = 0
  if times > 0 then
    self.tell(line.level, line.text, times)
  end
end

local function tick(self)
  local now, kept = uv.hrtime() / 1e9, {}
  for _, line in ipairs(self.lines) do
    if line.repeats > 0 and now >= line.due then
      report(self, line)
      line.pause = math.min(2 * line.pause, LONGEST)
      line.due = now + line.pause
    end
    if line.repeats == 0 and now - line.last > LONGEST then
      self.by_key[line.key] = nil
    else
      kept[#kept + 1] = line
    end
  end
  self.lines = kept
  if #kept == 0 then
    self.ticker:stop()
  end
end

local function start_ticker(self)
  self.ticker = self.ticker or own_handle(uv.new_timer())
  self.ticker:start(TICK, TICK, function() tick(self) end)
  self.ticker:unref()
end

local function remember(self, line)
  local oldest = #self.lines == MOST and table.remove(self.lines, 1)
  if oldest then
    self.by_key[oldest.key] = nil
    report(self, oldest)
  elseif #self.lines == 0 then
    start_ticker(self)
  end
  self.lines[#self.lines + 1], self.by_key[line.key] = line, line
end

--- Notes a line.
-- @tparam string level
-- @tparam string text
-- @treturn boolean whether it is a repeat, which must not be logged
function Repeats:note(level, text)
  local key, now = level .. #text .. " " .. text:sub(1, LONGEST_KEY), uv.hrtime() / 1e9
  local line = self.by_key[key]
  if line then
    line.repeats, line.last = line.repeats + 1, now
    return true
  end
  local first_line = text:sub(1, LONGEST_KEY):match "^[^\n]*"
  remember(self, { key = key, level = level, text = first_line, repeats = 0, pause = SHORTEST, due = now + SHORTEST,
    last = now })
  return false
end

--- Reports the remaining counts.
function Repeats:flush()
  for _, line in ipairs(self.lines) do
    report(self, line)
  end
end

return Repeats
