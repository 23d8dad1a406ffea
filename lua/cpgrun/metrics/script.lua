--- The global `metrics` of scripts for cpgrun: the script's own metrics, which `--metrics` and `--metrics-file` show
-- together with those of cpgrun. Without these options they are counted, but not shown.
--
--    local orders = metrics.counter("shop_orders_total", "Orders that were taken.", { "kind" })
--    orders:inc(1, { kind = "book" })
--
-- A metric with the name, kind, labels and buckets of an earlier one is the same metric, so values are kept when the
-- script is reloaded. A metric has at most 1000 different sets of label values. Further sets are not counted, and an
-- error is logged once.
-- @module cpgrun.metrics

local KEY = require "corosync.private"
local errors = require "corosync.errors"
local family = require "cpgrun.metrics.family"
local log = require "cpgrun.log"

local metrics = {}

local MOST_FAMILIES, MOST_LABELS, MOST_BUCKETS = 500, 10, 50

local families, count = {}, 0 -- by name
local earlier -- of the version that is being replaced

-- ---- arguments ----

local RESERVED = { -- by pattern, as in messages
  ["^cpgrun_"] = "cpgrun_*", ["^process_"] = "process_*", ["_bucket$"] = "*_bucket", ["_sum$"] = "*_sum",
  ["_count$"] = "*_count",
}

local function check_name(kind, name)
  if type(name) ~= "string" then
    errors.raise("bad argument #1 'name' to '%s' (string expected, got %s)", kind, type(name))
  elseif #name > 128 or not name:find "^[%a_][%w_]*$" then
    errors.raise("bad argument #1 'name' to '%s' (1 to 128 letters, digits and '_' expected, got %s)", kind,
      errors.quote(name))
  elseif kind == "counter" ~= (name:find "_total$" ~= nil) then
    errors.raise("bad argument #1 'name' to '%s' (only the names of counters end in '_total', got %s)", kind,
      errors.quote(name))
  end
  for pattern, shown in pairs(RESERVED) do
    if name:find(pattern) then
      errors.raise("bad argument #1 'name' to '%s' (names like '%s' are reserved, got %s)", kind, shown,
        errors.quote(name))
    end
  end
end

local function check_help(kind, help)
  if type(help) ~= "string" then
    errors.raise("bad argument #2 'help' to '%s' (string expected, got %s)", kind, type(help))
  end
end

local function check_label(kind, name)
  if type(name) ~= "string" or not name:find "^%a[%w_]*$" or #name > 128 or name == "le" or name == "script" then
    errors.raise("bad argument #3 'labels' to '%s' (letters, digits and '_' expected, not 'le' or 'script', got %s)",
      kind, errors.quote(tostring(name)))
  end
end

-- Returns a copy.
local function labels_of(kind, labels)
  if labels ~= nil and type(labels) ~= "table" then
    errors.raise("bad argument #3 'labels' to '%s' (an array of names expected, got %s)", kind, type(labels))
  end
  local copy, seen = {}, {}
  for i, name in ipairs(labels or {}) do
    check_label(kind, name)
    if seen[name] then
      errors.raise("bad argument #3 'labels' to '%s' (label '%s' is repeated)", kind, name)
    end
    copy[i], seen[name] = name, true
  end
  if #copy > MOST_LABELS or labels and next(labels) ~= nil and #copy == 0 then
    errors.raise("bad argument #3 'labels' to '%s' (an array of at most %d names expected)", kind, MOST_LABELS)
  end
  return copy
end

-- Returns a copy.
local function buckets_of(buckets)
  if buckets == nil then
    return nil
  end
  local copy = {}
  for i, bound in ipairs(type(buckets) == "table" and buckets or {}) do
    if type(bound) ~= "number" or bound ~= bound or math.abs(bound) == math.huge or i > 1 and bound <= copy[i - 1] then
      errors.raise "bad argument #4 'buckets' to 'histogram' (finite numbers in ascending order expected)"
    end
    copy[i] = bound
  end
  if #copy == 0 or #copy > MOST_BUCKETS then
    errors.raise("bad argument #4 'buckets' to 'histogram' (an array of 1 to %d numbers expected)", MOST_BUCKETS)
  end
  return copy
end

-- ---- making metrics ----

local function same(one, other)
  return table.concat(one or {}, " ") == table.concat(other or {}, " ")
end

local function is_same(present, made)
  return present.kind == made.kind and same(present.labels, made.labels) and same(present.buckets, made.buckets)
end

local function overflown(each, most)
  log.error("metric %s has %d different sets of label values, and further ones are not counted: use labels with fewer "
    .. "values", each.name, most)
end

local function add(made)
  if count >= MOST_FAMILIES then
    errors.raise("there are %d metrics already: use one metric with labels instead of several metrics", MOST_FAMILIES)
  end
  local kept = earlier and earlier[made.name]
  local each = kept and is_same(kept, made) and kept or made
  each.help = made.help
  families[made.name], count = each, count + 1
  if not each.labels[1] then
    each:at {} -- a counter begins at 0, not with its first event
  end
  return each
end

local function make(class, kind, name, help, labels, buckets)
  check_name(kind, name)
  check_help(kind, help)
  local made = family.new(kind, name, help, labels_of(kind, labels), buckets, overflown)
  local present = families[name]
  if present and not is_same(present, made) then
    errors.raise("bad argument #1 'name' to '%s' (metric %s exists already, with another kind, labels or buckets)",
      kind, errors.quote(name))
  end
  return setmetatable({ [KEY] = present or add(made) }, class)
end

-- ---- objects ----

local function check_values(each, call, values)
  if type(values) ~= "table" then
    errors.raise("bad argument #2 'labels' to '%s' of %s (table expected, got %s)", call, each.name, type(values))
  end
  for _, name in ipairs(each.labels) do
    local kind = type(values[name])
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      errors.raise("bad argument #2 'labels' to '%s' of %s (label '%s': string, number or boolean expected, got %s)",
        call, each.name, name, kind)
    end
  end
  for name in pairs(values) do
    if not each.has_label[name] then
      errors.raise("bad argument #2 'labels' to '%s' of %s (it has no label '%s')", call, each.name, tostring(name))
    end
  end
end

local NONE = {}

-- Returns the series of an object with these label values; nil if it has too many series.
local function series_of(self, call, values)
  local each = type(self) == "table" and self[KEY]
  if not each then
    errors.raise("%s is a method: call it with a colon, as metric:%s(...)", call, call)
  end
  check_values(each, call, values or NONE)
  return each:at(values or NONE)
end

local function check_number(call, value, least)
  if type(value) ~= "number" then
    errors.raise("bad argument #1 'value' to '%s' (number expected, got %s)", call, type(value))
  elseif not (value >= least and value < math.huge) then
    errors.raise("bad argument #1 'value' to '%s' (a finite number%s expected, got %g)", call,
      least == 0 and " of at least 0" or "", value)
  end
end

local LEAST = -1.7e308

local function add_to(self, value, labels, least)
  value = value == nil and 1 or value
  check_number("inc", value, least)
  local series = series_of(self, "inc", labels)
  if series then
    series.value = series.value + value
  end
end

--- A number that only increases.
-- @type Counter
local Counter = {}
Counter.__index = Counter

--- Adds to the counter.
-- @tparam[opt=1] number value at least 0
-- @tparam[opt] table labels a value for each label, by its name: strings, numbers or booleans; values are cut off
-- after 256 bytes
-- @raise for wrong arguments
function Counter:inc(value, labels)
  add_to(self, value, labels, 0)
end

--- A number that can go up and down.
-- @type Gauge
local Gauge = {}
Gauge.__index = Gauge

--- Sets the gauge.
-- @tparam number value
-- @tparam[opt] table labels as for a counter
-- @raise for wrong arguments
function Gauge:set(value, labels)
  check_number("set", value, LEAST)
  local series = series_of(self, "set", labels)
  if series then
    series.value = value
  end
end

--- Adds to the gauge.
-- @tparam[opt=1] number value may be negative
-- @tparam[opt] table labels as for a counter
-- @raise for wrong arguments
function Gauge:inc(value, labels)
  add_to(self, value, labels, LEAST)
end

--- Removes the series with these label values, so that it is no longer shown.
-- @tparam[opt] table labels as for a counter
-- @raise for wrong arguments
function Gauge:remove(labels)
  if series_of(self, "remove", labels) then
    self[KEY]:remove(labels or NONE)
  end
end

--- Counts values in buckets.
-- @type Histogram
local Histogram = {}
Histogram.__index = Histogram

--- Counts a value.
-- @tparam number value in a base unit such as seconds or bytes
-- @tparam[opt] table labels as for a counter
-- @raise for wrong arguments
function Histogram:observe(value, labels)
  check_number("observe", value, LEAST)
  local series = series_of(self, "observe", labels)
  if series then
    family.observe(series, value)
  end
end

--- @section end

--- Makes a counter.
-- @tparam string name letters, digits and "_", ending in "_total"
-- @tparam string help a sentence for people
-- @tparam[opt] string[] labels at most 10 names
-- @treturn Counter
-- @raise for wrong arguments, and if there are 500 metrics already
function metrics.counter(name, help, labels)
  return make(Counter, "counter", name, help, labels)
end

--- Makes a gauge.
-- @tparam string name
-- @tparam string help
-- @tparam[opt] string[] labels
-- @treturn Gauge
-- @raise as for a counter
function metrics.gauge(name, help, labels)
  return make(Gauge, "gauge", name, help, labels)
end

--- Makes a histogram.
-- @tparam string name
-- @tparam string help
-- @tparam[opt] string[] labels
-- @tparam[opt] number[] buckets upper bounds, ascending, at most 50 (default: 0.00001, 0.00003,
-- 0.0001 and so on up to 10)
-- @treturn Histogram
-- @raise as for a counter
function metrics.histogram(name, help, labels, buckets)
  return make(Histogram, "histogram", name, help, labels, buckets_of(buckets))
end

-- ---- for the host ----

local script_metrics = { global = metrics }

-- A new version of the script is being loaded, and may make the same metrics again.
function script_metrics.forget()
  earlier, families, count = families, {}, 0
end

-- The new version has taken over (commit), or could not be loaded (restore).
function script_metrics.commit()
  earlier = nil
end

function script_metrics.restore()
  families, count, earlier = earlier or {}, 0, nil
  for _ in pairs(families) do
    count = count + 1
  end
end

-- The families in the order of their names.
function script_metrics.all()
  local list = {}
  for _, each in pairs(families) do
    list[#list + 1] = each
  end
  table.sort(list, function(one, other) return one.name < other.name end)
  return list
end

return script_metrics
