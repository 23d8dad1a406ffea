local every = require "corosync.replica.every"
local lock_members = require "spec.helpers.lock_members"
local part = require "corosync.replica.every.part"
local replicas = require "spec.helpers.replicas"
local uv = require "luv"

local function at(text)
  return every.schedule { at = text }
end

local function time(year, month, day, hour, min)
  return os.time { year = year, month = month, day = day, hour = hour, min = min }
end

describe("the number of a tick", function()
  it("is that of the period since 1970", function()
    local number_of = every.schedule(60)
    assert.equal(29000000, number_of(29000000 * 60))
    assert.equal(29000000, number_of(29000000 * 60 + 59))
    assert.equal(29000001, number_of(29000001 * 60))
  end)

  it("is that of the day, from the time of day on", function()
    local number_of = at "02:30"
    assert.equal(19782, number_of(time(2024, 2, 29, 2, 30)))
    assert.equal(19781, number_of(time(2024, 2, 29, 2, 29)))
    assert.equal(19782, number_of(time(2024, 3, 1, 2, 29)))
    assert.equal(19783, number_of(time(2024, 3, 1, 23, 59)))
    assert.equal(0, at "00:00"(time(1970, 1, 1, 12, 0)))
    assert.equal(10957, at "00:00"(time(2000, 1, 1, 12, 0)))
  end)

  it("grows by one a day for years", function()
    local number_of = at "12:00"
    local first = number_of(time(2023, 1, 1, 12, 30))
    for day = 0, 3000 do
      assert.equal(first + day, number_of(time(2023, 1, 1 + day, 12, 30)))
    end
  end)
end)

describe("a tick whose command is under way", function()
  -- Runs a tick on a member whose command is confirmed only after `take_over` has replaced the script.
  local function ran_after(take_over)
    local ran, confirm
    local member = {
      address = "1:2",
      parts = { every = {} },
      machines = { by_name = { corosync = { encode = tostring } } },
      submit = function(_, _, _, tell) confirm = tell return true end,
      spawn = function(f, ...) f(...) end,
    }
    local function add(script)
      local function run(...) ran = { script, ... } end
      part.add(member, { key = "x", name = "x", number_of = function() return 6 end, run = run })
    end
    add "old"
    part.maintain(member, { every = { x = { { 4, 5 } } } })
    take_over(member, add)
    confirm { 70, 0 }
    return ran
  end

  it("runs the function of the script", function()
    assert.same({ "old", 6, 70, 0 }, ran_after(function() end))
  end)

  it("runs the function of the script that has taken over, if it has one", function()
    assert.same({ "new", 6, 70, 0 }, ran_after(function(_, add) add "new" end))
    assert.is_nil(ran_after(function(member) member.parts.every = {} end))
  end)
end)

describe("a daily tick", function()
  -- Returns when ticks run if they are checked at each minute of some days. Daylight saving time is from 31 March to 27
  -- October.
  local function runs(month, day)
    local number_of, all, found = at "02:30", { every = part.initial() }, {}
    local first = time(2024, month, day, 2, 30)
    for now = first, first + 3 * 86400 - 7200, 60 do
      local result = part.apply(all, { "every", "tick", "x", number_of(now), "1:2" }, now)
      if result then
        assert.equal(0, result[2])
        found[#found + 1] = os.date("%d %H:%M %Z", now)
      end
    end
    return found
  end

  local before = uv.os_getenv "TZ"
  setup(function() uv.os_setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3") end)
  teardown(function() return before and uv.os_setenv("TZ", before) or uv.os_unsetenv "TZ" end)

  it("runs once on a day that skips its time, when the clocks go forward", function()
    assert.same({ "30 02:30 CET", "31 03:00 CEST", "01 02:30 CEST" }, runs(3, 30))
  end)

  it("runs once on a day that has its time twice", function()
    assert.same({ "26 02:30 CEST", "27 02:30 CEST", "28 02:30 CET" }, runs(10, 26))
  end)
end)

describe("the state of ticks", function()
  local function new()
    local all, index = { every = part.initial() }, 100
    return function(number)
      index = index + 1
      local result = part.apply(all, { "every", "tick", "x", number, "1:2" }, index)
      if result then
        assert.equal(index, result[1])
        return result[2]
      end
      return false
    end, all
  end

  it("lets each number run once, and counts missed ones, which do not run later", function()
    local run = new()
    assert.same({ 0, 0, false, false, 3, 0, false, false, 0 }, {
      run(10), run(11), run(11), run(10), run(15), run(16), run(12), run(14), run(17) })
  end)

  it("is not moved by a clock that is far ahead", function()
    local run = new()
    assert.same({ 0, 988, 0, 0, 0 }, { run(10), run(999), run(11), run(12), run(1000) })
    for number = 13, 988 do
      assert.equal(0, run(number))
    end
    for number = 989, 1000 do
      assert.is_false(run(number))
    end
    assert.equal(0, run(1001))
  end)

  it("stays small when ticks are missed again and again", function()
    local run, all = new()
    for number = 0, 1000, 2 do
      assert.equal(number == 0 and 0 or 1, run(number))
    end
    assert.is_true(#all.every.x <= 100)
    for number = 0, 1000, 2 do
      assert.is_false(run(number))
    end
    assert.is_false(run(1))
    assert.equal(0, run(1001))
  end)
end)

describe("a periodic task of a replica on one node", function()
  after_each(replicas.clean)

  it("runs from the first due tick on, one tick after another", function()
    local app = replicas.new()
    local ticks = {}
    local first = os.time()
    app:every("x", 1, function(...) ticks[#ticks + 1] = { ... } end)
    assert(replicas.eventually(function() return #ticks == 3 end))
    assert.is_true(ticks[1][1] > first)
    assert.equal(0, ticks[1][3])
    for i = 2, 3 do
      assert.equal(ticks[i - 1][1] + 1 + ticks[i][3], ticks[i][1])
      assert.is_true(ticks[i][2] > ticks[i - 1][2])
    end
  end)

  it("lets the function submit and wait", function()
    local app = replicas.new()
    local list = replicas.list(app)
    local result
    app:every("x", 1, function() result = list:submit "x" end)
    assert(replicas.eventually(function() return result end))
  end)

  it("goes on after an error of the function, which is reported", function()
    local problems = {}
    local app = replicas.new { error = function(message) problems[#problems + 1] = message end }
    app:every("x", 1, function() error "a bad tick" end)
    assert(replicas.eventually(function() return #problems == 2 end))
    assert.matches("a bad tick", problems[2])
  end)

  it("reports a member whose clock is ahead", function()
    local problems = {}
    local app = replicas.new { error = function(message) problems[#problems + 1] = message end }
    app:every("x", 3600, function() end)
    local member = { parts = { every = { x = { name = "x", number_of = function() return 10 end } } },
      report = function(_, message) problems[#problems + 1] = message end }
    part.changed(member, {}, { "every", "tick", "x", 11, "1:2" }, { 1, 0 })
    part.changed(member, {}, { "every", "tick", "x", 12, "1:2" }, false)
    assert.same({}, problems)
    for number = 12, 13 do
      part.changed(member, {}, { "every", "tick", "x", number, "1:2" }, { 1, 0 })
    end
    assert.equal(1, #problems)
    assert.matches("member 1:2 runs tick 12 of 'x', which is not due by the clock of this node", problems[1])
  end)

  it("raises for wrong arguments with their names", function()
    local app = replicas.new()
    local function problem(...)
      local ok, message = pcall(app.every, app, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("#1 'name' to 'every' %(string expected, got nil%)", problem(nil, 1, print))
    assert.matches("#2 'spec' to 'every' %(number or table expected, got nil%)", problem("x", nil, print))
    for _, seconds in ipairs { 0.5, -1, 0 / 0, 1 / 0 } do
      assert.matches("#2 'spec' to 'every' %(at least 1 second expected", problem("x", seconds, print))
    end
    for _, text in ipairs { "2:30", "24:00", "12:60", "noon", "12:00:00" } do
      assert.matches("field 'at': a time as \"02:30\" expected, got " .. text, problem("x", { at = text }, print))
    end
    assert.matches("unknown field 'on'", problem("x", { at = "02:30", on = 1 }, print))
    assert.matches("unknown field 'At': did you mean 'at'%?", problem("x", { At = "02:30" }, print))
    assert.matches("#3 'f' to 'every' %(function expected, got nil%)", problem("x", 1))
    app:every("x", 1, function() end)
    assert.matches("#1 'name' to 'every' %(task 'x' exists already%)", problem("x", 1, print))
  end)
end)

describe("a periodic task of a replica on three nodes #slow", function()
  local members

  setup(function() members = lock_members.new() end)
  teardown(function() assert(members.cluster:stop()) end)
  before_each(function() members:start_all() end)
  after_each(function() members:end_all() end)

  -- Collects the ticks that a member has run since the last call, and asserts that no member had run them before.
  local function collect(ran, node)
    local program = members.programs[node]
    for i = (program.collected or 0) + 1, #program.lines do
      local tick, token, missed = program.lines[i]:match "^tick x (%d+) (%d+) (%d+)"
      if tick then
        assert.is_nil(ran[tick])
        ran[tick] = { token = tonumber(token), missed = tonumber(missed) }
        ran.count = ran.count + 1
      end
      program.collected = i
    end
  end

  local function await_ticks(ran, count)
    local goal = ran.count + count
    assert(members.cluster:wait_for(function()
      for node = 1, 3 do collect(ran, node) end
      return ran.count >= goal
    end, 60, count .. " ticks"))
  end

  local function check_missed(ran)
    local ticks = {}
    for tick in pairs(ran) do
      ticks[#ticks + 1] = tonumber(tick)
    end
    table.sort(ticks)
    for i = 2, #ticks do
      local before, this = ran[tostring(ticks[i - 1])], ran[tostring(ticks[i])]
      assert.is_true(this.token > before.token)
      assert.equal(ticks[i] - ticks[i - 1] - 1, this.missed)
    end
  end

  it("runs each tick once, while members are killed, cut off and started again", function()
    local ran = { count = 0 }
    for node = 1, 3 do members:tell(node, "every x 1") end
    await_ticks(ran, 3)
    for round = 0, 3 do
      local node = round % 3 + 1
      if round % 2 == 0 then
        assert(members.cluster:kill_host(node))
        collect(ran, node)
        await_ticks(ran, 2)
        members:start(node)
        members:await(node, "^ready")
        members:tell(node, "every x 1")
      else
        assert(members.cluster:partition({ node }))
        await_ticks(ran, 2)
        assert(members.cluster:heal())
      end
      await_ticks(ran, 2)
    end
    assert.is_true(ran.count >= 15)
  end)

  it("counts the ticks that nobody could run", function()
    local ran = { count = 0 }
    for node = 1, 3 do members:tell(node, "every x 1") end
    await_ticks(ran, 2)
    assert(members.cluster:partition({ 1 }, { 2 }, { 3 }))
    for node = 1, 3 do members:await(node, "^suspended") end
    assert(members.cluster:heal())
    for node = 1, 3 do members:await(node, "^ready") end
    await_ticks(ran, 2)
    ran.count = nil
    check_missed(ran)
  end)
end)
