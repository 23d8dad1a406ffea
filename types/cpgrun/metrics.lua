---@meta cpgrun.metrics
-- Written by `make types` from the doc comments.

--- The global `metrics` of scripts for cpgrun: the script's own metrics, which `--metrics` and `--metrics-file` show
--- together with those of cpgrun. Without these options they are counted, but not shown.
---
---    local orders = metrics.counter("shop_orders_total", "Orders that were taken.", { "kind" })
---    orders:inc(1, { kind = "book" })
---
--- A metric with the name, kind, labels and buckets of an earlier one is the same metric, so values are kept when the
--- script is reloaded. A metric has at most 1000 different sets of label values. Further sets are not counted, and an
--- error is logged once.
---@class cpgrun.metrics
local module = {}

---@class cpgrun.metrics.Counter
local Counter = {}

--- Adds to the counter.
---@param value? number at least 0 (default: 1)
---@param labels? table a value for each label, by its name: strings, numbers or booleans; values are cut off after 256 bytes
function Counter:inc(value, labels) end

---@class cpgrun.metrics.Gauge
local Gauge = {}

--- Sets the gauge.
---@param value number
---@param labels? table as for a counter
function Gauge:set(value, labels) end

--- Adds to the gauge.
---@param value? number may be negative (default: 1)
---@param labels? table as for a counter
function Gauge:inc(value, labels) end

--- Removes the series with these label values, so that it is no longer shown.
---@param labels? table as for a counter
function Gauge:remove(labels) end

---@class cpgrun.metrics.Histogram
local Histogram = {}

--- Counts a value.
---@param value number in a base unit such as seconds or bytes
---@param labels? table as for a counter
function Histogram:observe(value, labels) end

--- Makes a counter.
---@param name string letters, digits and "_", ending in "_total"
---@param help string a sentence for people
---@param labels? string[] at most 10 names
---@return cpgrun.metrics.Counter
function module.counter(name, help, labels) end

--- Makes a gauge.
---@param name string
---@param help string
---@param labels? string[]
---@return cpgrun.metrics.Gauge
function module.gauge(name, help, labels) end

--- Makes a histogram.
---@param name string
---@param help string
---@param labels? string[]
---@param buckets? number[] upper bounds, ascending, at most 50 (default: 0.00001, 0.00003, 0.0001 and so on up to 10)
---@return cpgrun.metrics.Histogram
function module.histogram(name, help, labels, buckets) end

return module
