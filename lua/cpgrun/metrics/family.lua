-- A metric: its name, its help, and a series of values for each set of labels.
local list = require "corosync.list"
local text = require "cpgrun.metrics.text"

local family = {}

local MOST_SERIES = 1000
local LONGEST_VALUE = 256 -- bytes of a label's value; the rest is cut off

-- Seconds: from a fast handler to one that should have been split.
family.BUCKETS = { 0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10 }

local Family = {}
Family.__index = Family

-- `labels`: an array of names. `buckets`: of a histogram, ascending. `overflow(family, most)` is called once, when
-- there are too many series.
function family.new(kind, name, help, labels, buckets, overflow)
  return setmetatable({
    kind = kind,
    name = name,
    help = help,
    labels = labels,
    has_label = list.set(labels),
    buckets = kind == "histogram" and (buckets or family.BUCKETS) or nil,
    overflow = overflow,
    series = {}, -- by their labels in the text format
    count = 0,
  }, Family)
end

local function new_series(self, labels)
  if not self.buckets then
    return { labels = labels, value = 0 }
  end
  local series = { labels = labels, buckets = self.buckets, sum = 0, count = 0 }
  for i = 1, #self.buckets do
    series[i] = 0
  end
  return series
end

local function key_of(self, values)
  local labels = {}
  for i, name in ipairs(self.labels) do
    labels[i] = text.label(name, tostring(values[name]):sub(1, LONGEST_VALUE))
  end
  return table.concat(labels, ",")
end

-- Returns the series with these label values, a table by label names; nil if there are too many series.
function Family:at(values)
  local key = key_of(self, values)
  local series = self.series[key]
  if not series and self.count < MOST_SERIES then
    series = new_series(self, key)
    self.series[key], self.count = series, self.count + 1
  elseif not series and not self.has_overflown then
    self.has_overflown = true
    self.overflow(self, MOST_SERIES)
  end
  return series
end

function Family:remove(values)
  local key = key_of(self, values)
  if self.series[key] then
    self.series[key], self.count = nil, self.count - 1
  end
end

function Family:clear()
  self.series, self.count = {}, 0
end

-- Counts a value in a series of a histogram.
function family.observe(series, value)
  series.sum, series.count = series.sum + value, series.count + 1
  local buckets = series.buckets
  for i = 1, #buckets do
    if value <= buckets[i] then
      series[i] = series[i] + 1
      return
    end
  end
end

-- ---- writing ----

local function join(...)
  local present = {}
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    present[#present + 1] = part ~= "" and part or nil
  end
  return #present > 0 and "{" .. table.concat(present, ",") .. "}" or ""
end

local function add(lines, name, labels, value)
  lines[#lines + 1] = ("%s%s %s"):format(name, labels, text.number(value))
end

local function add_histogram(lines, name, series, common)
  local sum = 0
  for i, bound in ipairs(series.buckets) do
    sum = sum + series[i]
    add(lines, name .. "_bucket", join(series.labels, common, text.label("le", text.number(bound))), sum)
  end
  add(lines, name .. "_bucket", join(series.labels, common, 'le="+Inf"'), series.count)
  add(lines, name .. "_sum", join(series.labels, common), series.sum)
  add(lines, name .. "_count", join(series.labels, common), series.count)
end

-- Appends the lines of the text format, or nothing without series. `common`: labels for each series, in that format.
function Family:write(lines, common)
  local keys = {}
  for key in pairs(self.series) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  if keys[1] then
    lines[#lines + 1] = ("# HELP %s %s"):format(self.name, text.help(self.help))
    lines[#lines + 1] = ("# TYPE %s %s"):format(self.name, self.kind)
  end
  for _, key in ipairs(keys) do
    local series = self.series[key]
    if series.buckets then
      add_histogram(lines, self.name, series, common)
    else
      add(lines, self.name, join(key, common), series.value)
    end
  end
end

return family
