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
local arguments = require "cpgrun.metrics.arguments"
local errors = require "corosync.errors"
local family = require "cpgrun.metrics.family"
local registry = require "cpgrun.metrics.registry"

local metrics = {}

local NONE = {}
local LEAST = -1.7e308

-- Returns the series of an object with these label values; nil if it has too many series.
local function series_of(self, call, values)
  local each = type(self) == "table" and self[KEY]
  if not each then
    errors.raise("%s is a method: call it with a colon, as metric:%s(...)", call, call)
  end
  arguments.check_values(each, call, values or NONE)
  return each:at(values or NONE)
end

local function add_to(self, value, labels, least)
  value = value == nil and 1 or value
  arguments.check_number("inc", value, least)
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
  arguments.check_number("set", value, LEAST)
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
  arguments.check_number("observe", value, LEAST)
  local series = series_of(self, "observe", labels)
  if series then
    family.observe(series, value)
  end
end

local function make(class, kind, name, help, labels, buckets)
  arguments.check_name(kind, name)
  arguments.check_help(kind, help)
  return setmetatable({ [KEY] = registry.metric(kind, name, help, arguments.labels(kind, labels), buckets) }, class)
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
  return make(Histogram, "histogram", name, help, labels, arguments.buckets(buckets))
end

return metrics
