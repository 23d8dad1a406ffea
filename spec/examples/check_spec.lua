-- The invariants that the examples state, under random faults.
local program = require "spec.helpers.program"

describe("cpgrun check #slow", function()
  after_each(program.clean)

  -- The faults of this seed kill daemons and cut links, and end no script. These examples keep their state in memory,
  -- so it would be lost with the processes of a majority.
  local SEED = "11"

  -- Returns how many notes and operations were checked; both are right.
  local function passes(name, ...)
    local it = program.start("cpgrun", "check", "--seconds", "10", "--nodes", "3", "--seed", SEED,
      ("examples/%s.lua"):format(name), ...)
    local code, signal = assert(it:wait(200))
    local out = table.concat(it.lines, "\n") .. table.concat(it.errors, "\n")
    assert.same({ 0, 0 }, { code, signal }, out)
    return tonumber(out:match "\n(%d+) notes of the script's own invariants" or 0),
      tonumber(out:match "\n(%d+) operations on shared objects" or 0)
  end

  it("finds that examples/counter loses no addition and gives no sum twice", function()
    local notes, operations = passes "counter"
    assert.is_true(notes > 5)
    assert.is_true(operations >= notes)
  end)

  it("finds that examples/cron runs no tick twice", function()
    assert.is_true(passes "cron" > 0)
  end)

  it("finds that examples/jobs runs no job twice", function()
    assert.is_true(passes("jobs", "0.2") > 5)
  end)

  it("finds that examples/leader has one leader at a time, with growing tokens", function()
    assert.is_true(passes "leader" > 0)
  end)

  it("finds that examples/service_address is on one node at a time", function()
    assert.is_true(passes "service_address" > 0)
  end)
end)
