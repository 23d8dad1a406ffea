local exposition = require "spec.helpers.exposition"
local log = require "cpgrun.log"
local metrics = require "cpgrun.metrics.script"
local registry = require "cpgrun.metrics.registry"

-- The metrics as Prometheus sees them.
local function page()
  local lines = {}
  for _, each in ipairs(registry.all()) do
    each:write(lines, 'script="s"')
  end
  return exposition.parse(table.concat(lines, "\n") .. "\n")
end

local function value(name, labels)
  return exposition.value(page(), name, labels)
end

describe("The metrics of a script", function()
  before_each(function()
    registry.forget()
    registry.commit()
  end)

  it("count, with and without labels", function()
    local plain = metrics.counter("plain_total", "Plain.")
    assert.equal(0, value "plain_total")
    plain:inc()
    plain:inc(0.5)
    assert.equal(1.5, value("plain_total", { script = "s" }))
    local kinds = metrics.counter("kinds_total", "By kind.", { "kind", "ok" })
    kinds:inc(2, { kind = "a", ok = true })
    kinds:inc(3, { kind = 1, ok = false })
    assert.equal(2, value("kinds_total", { kind = "a", ok = "true" }))
    assert.equal(3, value("kinds_total", { kind = "1", ok = "false" }))
    assert.equal("counter", page().kinds_total.kind)
  end)

  it("set, add to and remove values of gauges", function()
    local gauge = metrics.gauge("gauge", "G.", { "a" })
    gauge:set(-2.5, { a = "x" })
    gauge:inc(nil, { a = "x" })
    gauge:set(1e300, { a = "y" })
    assert.equal(-1.5, value("gauge", { a = "x" }))
    assert.equal(1e300, value("gauge", { a = "y" }))
    gauge:remove { a = "x" }
    assert.is_nil(value("gauge", { a = "x" }))
    for _, number in ipairs { 0.1, 2 ^ 53, 2 ^ 53 - 1, -2 ^ 60, 1 / 3, 5e-324 } do
      gauge:set(number, { a = "y" })
      assert.equal(number, value("gauge", { a = "y" }))
    end
  end)

  it("sort values into the buckets of histograms", function()
    local histogram = metrics.histogram("size_bytes", "H.", nil, { 1, 10 })
    for _, each in ipairs { -1, 1, 1.5, 10, 11 } do
      histogram:observe(each)
    end
    local all = page()
    for bound, count in pairs { ["1"] = 2, ["10"] = 4, ["+Inf"] = 5 } do
      assert.equal(count, exposition.value(all, "size_bytes_bucket", { le = bound }))
    end
    assert.equal(22.5, exposition.value(all, "size_bytes_sum"))
    assert.equal(5, exposition.value(all, "size_bytes_count"))
    metrics.histogram("t_seconds", "T.")
    assert.equal("0.01", page().t_seconds.samples[7].labels.le)
  end)

  it("may have any bytes in help and in the values of labels", function()
    local gauge = metrics.gauge("odd", 'a\n\\b"\200', { "a" })
    local odd = 'quote " back \\ line\nend é \200\0'
    gauge:set(1, { a = odd })
    assert.equal('quote " back \\ line\nend é \\200\\000', page().odd.samples[1].labels.a)
    gauge:set(2, { a = ("x"):rep(5000) })
    assert.equal(2, value("odd", { a = ("x"):rep(256) }))
  end)

  it("keep their values when they are made twice and when the script is reloaded", function()
    metrics.counter("again_total", "A.", { "a" }):inc(1, { a = 1 })
    metrics.gauge("gone", "G."):set(1)
    metrics.counter("again_total", "A.", { "a" }):inc(1, { a = 1 })
    assert.equal(2, value("again_total", { a = "1" }))
    registry.forget()
    metrics.counter("again_total", "B.", { "a" }):inc(1, { a = 1 })
    registry.commit()
    assert.equal(3, value("again_total", { a = "1" }))
    assert.equal("B.", page().again_total.help)
    assert.is_nil(page().gone)
  end)

  it("start again with other labels after a reload, and keep their values if the reload fails", function()
    metrics.counter("other_total", "A.", { "a" }):inc(1, { a = 1 })
    registry.forget()
    metrics.counter("other_total", "A.")
    assert.equal(0, value "other_total")
    registry.restore()
    assert.equal(1, value("other_total", { a = "1" }))
  end)

  it("count at most 1000 sets of label values, and report more sets once", function()
    local told = {}
    local original = log.error
    finally(function() log.error = original end)
    function log.error(...) told[#told + 1] = string.format(...) end
    local many = metrics.counter("many_total", "M.", { "id" })
    for id = 1, 1100 do
      many:inc(1, { id = id })
    end
    many:inc(1, { id = 1 })
    assert.equal(1000, #page().many_total.samples)
    assert.equal(2, value("many_total", { id = "1" }))
    assert.equal(1, #told)
    assert.matches("^metric many_total has 1000 different sets of label values", told[1])
  end)

  local function refused(message, f, ...)
    local ok, problem = pcall(f, ...)
    assert.is_false(ok)
    assert.matches("script_spec.lua:%d+: " .. message, problem)
  end

  -- Not tail calls, so that the error has a line.
  local function counter(...) local made = metrics.counter(...) return made end
  local function gauge(...) local made = metrics.gauge(...) return made end
  local function histogram(...) local made = metrics.histogram(...) return made end

  it("refuse wrong names, labels and buckets, and name the argument", function()
    refused("bad argument #1 'name' to 'counter' %(string expected, got nil%)", counter)
    for _, name in ipairs { "", "1_total", "a b_total", "a:b_total", "é_total", ("x"):rep(130) .. "_total" } do
      refused("bad argument #1 'name' to 'counter' %(1 to 128 letters", counter, name, "h")
    end
    refused("bad argument #1 'name' to 'counter' %(only the names of counters end in '_total'", counter, "orders", "h")
    refused("bad argument #1 'name' to 'gauge' %(only the names of counters end", gauge, "orders_total", "h")
    refused("bad argument #1 'name' to 'gauge' %(names like 'cpgrun_%*' are reserved", gauge, "cpgrun_x", "h")
    refused("bad argument #1 'name' to 'gauge' %(names like '%*_sum' are reserved", gauge, "x_sum", "h")
    refused("bad argument #2 'help' to 'gauge' %(string expected, got table%)", gauge, "x", {})
    for _, labels in ipairs { { "1" }, { "le" }, { "script" }, { "__x" }, { {} }, { "" } } do
      refused("bad argument #3 'labels' to 'gauge' %(letters, digits and '_' expected", gauge, "x", "h", labels)
    end
    refused("bad argument #3 'labels' to 'gauge' %(an array of names expected, got string%)", gauge, "x", "h", "a")
    refused("bad argument #3 'labels' to 'gauge' %(label 'a' is repeated%)", gauge, "x", "h", { "a", "a" })
    refused("bad argument #3 'labels' to 'gauge' %(an array of at most 10", gauge, "x", "h", { a = "b" })
    for _, buckets in ipairs { { 2, 1 }, { 1, 1 }, { 0 / 0 }, { math.huge }, { "1" } } do
      refused("bad argument #4 'buckets' to 'histogram' %(finite numbers", histogram, "x", "h", nil, buckets)
    end
    refused("bad argument #4 'buckets' to 'histogram' %(an array of 1 to 50", histogram, "x", "h", nil, {})
    assert.same({}, registry.all())
  end)

  it("refuse a different metric of the same name", function()
    metrics.gauge("x", "h", { "a" })
    refused("bad argument #1 'name' to 'gauge' %(metric 'x' exists already, with another kind", gauge, "x", "h")
    refused("bad argument #1 'name' to 'histogram' %(metric 'x' exists already", histogram, "x", "h", { "a" })
  end)

  it("are at most 500", function()
    for i = 1, 500 do
      metrics.gauge("g" .. i, "h")
    end
    refused("there are 500 metrics already", gauge, "one_more", "h")
  end)

  it("refuse wrong values and labels, and name the argument", function()
    local made, plain = metrics.counter("x_total", "h", { "a" }), metrics.gauge("y", "h")
    local function inc(...) made:inc(...) end
    local function set(...) plain:set(...) end
    refused("bad argument #1 'value' to 'inc' %(number expected, got string%)", inc, "1", { a = 1 })
    refused("bad argument #1 'value' to 'inc' %(a finite number of at least 0 expected, got %-1%)", inc, -1, { a = 1 })
    for _, number in ipairs { 0 / 0, math.huge, -math.huge } do
      refused("bad argument #1 'value' to 'set' %(a finite number expected", set, number)
    end
    refused("bad argument #2 'labels' to 'inc' of x_total %(table expected, got string%)", inc, 1, "a")
    refused("bad argument #2 'labels' to 'inc' of x_total %(label 'a': string, number or boolean expected, got nil%)",
      inc, 1)
    refused("bad argument #2 'labels' to 'inc' of x_total %(it has no label 'b'%)", inc, 1, { a = 1, b = 2 })
    refused("bad argument #2 'labels' to 'set' of y %(it has no label 'a'%)", set, 1, { a = 1 })
    refused("inc is a method: call it with a colon", function() made.inc(1) end)
  end)
end)
