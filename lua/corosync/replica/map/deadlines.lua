-- When values expire, by this member's clock. Deadlines are grouped into short spans of time (buckets), so that a check
-- is cheap even with many values.
local deadlines = {}

local WIDTH = 0.25 -- seconds of a bucket

local Deadlines = {}
Deadlines.__index = Deadlines

function deadlines.new(now)
  return setmetatable({ entries = {}, buckets = {}, first = math.floor(now / WIDTH) }, Deadlines)
end

function Deadlines:remove(name, key)
  local entry = self.entries[name] and self.entries[name][key]
  if not entry then
    return
  end
  self.entries[name][key] = nil
  local bucket = self.buckets[entry.bucket]
  bucket.entries[entry] = nil
  bucket.count = bucket.count - 1
  if bucket.count == 0 then
    self.buckets[entry.bucket] = nil
  end
end

-- `at`: the index of the command that set the deadline.
function Deadlines:set(name, key, at, time)
  self:remove(name, key)
  local number = math.max(math.ceil(time / WIDTH), self.first)
  local entry = { bucket = number, name, key, at }
  self.entries[name] = self.entries[name] or {}
  self.entries[name][key] = entry
  local bucket = self.buckets[number] or { entries = {}, count = 0 }
  self.buckets[number] = bucket
  bucket.entries[entry] = true
  bucket.count = bucket.count + 1
end

-- Returns at most `most` expired values, as { name, key, at }. They are returned again until they are removed.
function Deadlines:due(now, most)
  local found = {}
  for number = self.first, math.floor(now / WIDTH) do
    local bucket = self.buckets[number]
    if not bucket and number == self.first then
      self.first = number + 1
    end
    for entry in pairs(bucket and bucket.entries or {}) do
      found[#found + 1] = { entry[1], entry[2], entry[3] }
      if #found == most then
        return found
      end
    end
  end
  return found
end

return deadlines
