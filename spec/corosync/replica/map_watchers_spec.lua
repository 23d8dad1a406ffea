local part = require "corosync.replica.map.part"
local parts = require "corosync.replica.parts"

describe("watchers of a map", function()
  local member, machine, told, log

  -- Gives the member a state in which map "m" has these values.
  local function take_state(values, last)
    machine.state, machine.chain = { map = part.initial() }, { last = last }
    for key, value in pairs(values or {}) do
      part.apply(machine.state, { "map", "set", "m", key, value }, 1)
    end
    part.restored(member, machine.state)
  end

  local function maintain()
    part.maintain(member, machine.state)
  end

  local function apply(key, value, at)
    machine.chain.last = at
    local command = { "map", "set", "m", key, value }
    part.changed(member, machine.state, command, part.apply(machine.state, command, at), at)
  end

  local function watch(prefix)
    return part.watch(member, "m", prefix, function(key, new, old, index)
      told[#told + 1] = ("%s %s %s %d"):format(key, tostring(new), tostring(old), index)
    end, function(index) told[#told + 1] = "restarted " .. index end)
  end

  before_each(function()
    told, log = {}, { applied = 0, index = 0 }
    machine = { state = { map = part.initial() }, chain = {} }
    member = { address = "1:1", record = {}, parts = { map = {} }, protocol = { active = { full = {} }, log = log },
      machines = { by_name = { [parts.NAME] = machine } } }
  end)

  it("report each difference of a new state once, in the order of the keys", function()
    maintain()
    take_state({ ta = 1, tb = { 2 }, tc = 3, x = 1 }, 5)
    watch "t"
    maintain()
    take_state({ td = 5, ta = 1, tb = { 4 }, x = 2 }, 9)
    maintain()
    maintain()
    assert.equal(4, #told)
    assert.same({ "restarted 9", "tc nil 3 9", "td 5 nil 9" }, { told[1], told[3], told[4] })
    assert.matches("^tb table.* table.* 9$", told[2])
  end)

  it("do not report a state that was dropped before another one came", function()
    take_state({ a = 1, b = 1 }, 5)
    maintain()
    watch ""
    take_state(nil, nil)
    take_state({ a = 1, b = 2 }, 9)
    maintain()
    assert.same({ "restarted 9", "b 2 1 9" }, told)
  end)

  it("report a command after a new state once", function()
    take_state({ a = 1 }, 5)
    maintain()
    watch ""
    take_state({ a = 2 }, 9)
    apply("a", 3, 10)
    apply("a", 4, 11)
    maintain()
    assert.same({ "restarted 10", "a 3 1 10", "a 4 3 11" }, told)
  end)

  it("do not report commands again that follow an older state", function()
    watch ""
    apply("a", 1, 5)
    apply("a", 2, 6)
    apply("a", 3, 7)
    take_state({ a = 1 }, 5)
    log.applied, log.index = 5, 7
    maintain()
    apply("a", 2, 6)
    apply("a", 3, 7)
    apply("a", 4, 8)
    maintain()
    assert.same({ "a 1 nil 5", "a 2 1 6", "a 3 2 7", "restarted 8", "a 4 3 8" }, told)
  end)

  it("report an older state if no command restores what was lost", function()
    watch ""
    apply("a", 1, 5)
    apply("a", 2, 6)
    take_state({ a = 1 }, 5)
    maintain()
    apply("a", 3, 7)
    assert.same({ "a 1 nil 5", "a 2 1 6", "restarted 5", "a 1 2 5", "a 3 1 7" }, told)
  end)

  it("report the whole state, also what was stored, if they began before the member was ready", function()
    for key, value in pairs { a = 1, b = 2 } do
      part.apply(machine.state, { "map", "set", "m", key, value }, 1)
    end
    machine.chain.last = 5
    watch ""
    apply("a", 3, 6)
    maintain()
    assert.same({ "restarted 6", "a 3 nil 6", "b 2 nil 6" }, told)
  end)

  it("report only changes if they began when the member was ready", function()
    take_state({ a = 1 }, 5)
    member.was_serving = true
    watch ""
    maintain()
    apply("a", 2, 6)
    assert.same({ "a 2 1 6" }, told)
  end)

  it("report nothing after they have ended", function()
    local stop = watch ""
    stop()
    take_state({ a = 1 }, 5)
    maintain()
    apply("a", 2, 6)
    assert.same({}, told)
  end)

  it("may watch other maps when they start anew", function()
    for i = 1, 5 do
      part.watch(member, "m" .. i, "", function() end, function()
        told[#told + 1] = i
        for j = 1, 20 do part.watch(member, ("n%d.%d"):format(i, j), "", function() end) end
      end)
    end
    take_state({}, 5)
    maintain()
    table.sort(told)
    assert.same({ 1, 2, 3, 4, 5 }, told)
  end)
end)
