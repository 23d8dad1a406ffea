local handles = require "spec.helpers.handles"
local lab = require "corosync.lab"
local maps = require "spec.helpers.maps"

local open, recorder = maps.open, maps.recorder

local LUA = os.getenv("LUA"):match "%S+$"

local dispatch_until, fails = handles.dispatch_until, handles.fails
local CLOSED = "stats.ipcs.global.closed"

-- The first change of that kind, of that key if one is given; others are of connections that earlier specs have closed,
-- which the daemon notices later.
local function find(record, event, key)
  for _, change in ipairs(record) do
    if change.event == event and (key == nil or change.key == key) then
      return change
    end
  end
end

after_each(maps.clean)

describe("regression: setting a counter of schedule misses", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)

  it("fails with access and the daemon survives", function()
    assert(cluster:pause(1))
    assert.is_falsy(cluster:wait_for(function() return false end, 2)) -- it notes more than 0.8 s
    assert(cluster:resume(1))
    assert(cluster:wait_for(function() return cluster:log(1):find "was not scheduled" end, 60))
    local code, out, err = assert(cluster:command(1, { LUA, "-e", [[
      local map = assert(require("corosync.cmap").open "stats")
      local KEY = "stats.schedmiss.0.delay"
      print(map:get(KEY) > 800, (select(3, map:set(KEY, 1))), map:get(KEY) > 800)]] }))
    assert.equal(0, code, err)
    assert.equal("true\taccess\ttrue\n", out)
  end)
end)

describe("the stats map", function()
  it("is opened by cmap.open \"stats\"", function()
    local map = open "stats"
    fails("not_exist", map:get "totem.cluster_name")
    assert.is_true(map:get "stats.ipcs.global.active" >= 1)
  end)

  it("lists the counters with their types", function()
    local map, count = open "stats", 0
    for key, value, kind in assert(map:each "stats.") do
      assert.matches("^stats%.", key)
      assert.is_not_nil(value)
      assert.is_string(kind)
      count = count + 1
    end
    assert.is_true(count > 10)
  end)

  it("is read-only", function()
    local map = open "stats"
    fails("access", map:set(CLOSED, 1))
    fails("access", map:delete(CLOSED))
    fails("access", map:increment(CLOSED))
  end)

  it("resets its counters through stats.clear.all", function()
    local map = open "stats"
    local many = map:get(CLOSED) + 50 -- more than those of earlier specs that the daemon has not noticed yet
    local deadline = os.time() + 60
    while map:get(CLOSED) < many do
      assert(os.time() < deadline, "the connections are still there")
      open():close()
    end
    assert.is_true(map:set("stats.clear.all", 1, "u32"))
    assert.is_true(map:get(CLOSED) < many)
    fails("not_exist", map:get "stats.clear.all")
  end)

  it("reports counters that appear and disappear to trackers", function()
    local map, record, track = recorder "stats"
    track "stats.ipcs."
    local other = open()
    dispatch_until(map, function() return find(record, "add") end)
    local key = find(record, "add").key
    assert.matches("^stats%.ipcs%.", key)
    other:close()
    dispatch_until(map, function() return find(record, "delete", key) end)
  end)

  it("reports no old value for a new counter and no new value for a deleted one", function()
    local map, record, track = recorder "stats"
    track "stats.ipcs."
    open():close()
    dispatch_until(map, function() return find(record, "add") and find(record, "delete", find(record, "add").key) end)
    local first = find(record, "add")
    local last = find(record, "delete", first.key)
    assert.same({ "add", "nil" }, { first.event, type(first.old) })
    assert.is_string(first.new_type)
    assert.is_nil(first.old_type)
    assert.is_nil(last.new)
    assert.is_nil(last.new_type)
    assert.is_nil(last.old)
    assert.is_nil(last.old_type)
  end)

  it("reports a modified counter to the trackers of that exact key", function()
    local map, record, track = recorder "stats"
    local other = open()
    track(CLOSED)
    local before = map:get(CLOSED)
    other:close()
    dispatch_until(map, function() return #record > 0 and record[#record].new > before end)
    local last = record[#record]
    last.new = nil
    assert.same({ event = "modify", key = CLOSED, new_type = "u64", count = 6 }, last)
  end)
end)
