-- `cpgrun check` checks the invariants that scripts state.
local program = require "spec.helpers.program"

describe("cpgrun check #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  local function check(code)
    local path = program.file("invariants.lua", "function config_change() end function started() " .. code .. " end")
    local it = program.start("cpgrun", "check", "--seconds", "1", "--nodes", "2", "--seed", "5", path)
    local status, signal = assert(it:wait(120))
    assert.equal(0, signal)
    return status, table.concat(it.lines, "\n") .. table.concat(it.errors, "\n")
  end

  local function fails(pattern, code)
    local status, out = check(code)
    assert.equal(1, status, out)
    assert.matches("\n" .. pattern .. " %(/%S+:%d+%)\n", out)
    assert.matches("\nFAIL: the script's own invariants were violated.\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end

  it("prints how many notes were checked", function()
    local status, out = check [[
      local node = group:address().node
      check.unique("node", tostring(group:address()))
      check.holds("node" .. tostring(group:address()), node)
      check.released("node" .. tostring(group:address()))
      check.operation({ object = "sum", key = tostring(group:address()), call = "add 1" }):ok(1)]]
    assert.equal(0, status, out)
    assert.is_true(tonumber(out:match "\n(%d+) notes of the script's own invariants, checked by ") >= 6, out)
    assert.matches("\n%d+ operations on shared objects", out)
  end)

  it("exits with 1 when two members note the same value", function()
    fails("unique: [%d:]+ noted the tick 7, which [%d:]+ had already noted %(/%S+:%d+%)",
      [[check.unique("tick", 7)]])
  end)

  it("exits with 1 when tokens do not grow", function()
    fails("exclusive: [%d:]+ holds lock with the token 7, after [%d:]+ held it with the token 7 %(/%S+:%d+%)",
      [[check.holds("lock", 7) check.released "lock"]])
  end)
end)

describe("a script's invariants", function()
  after_each(program.clean)
  teardown(program.remove)

  it("are not checked outside cpgrun check", function()
    local status, out = program.run_script("unrecorded", [[
      check.unique("tick", 7)
      check.unique("tick", 7)
      check.released "lock"
      print(pcall(check.holds, "lock"))
      function config_change() end]], "--check")
    assert.equal(0, status)
    assert.matches("false\t.*bad argument 'token' to 'holds' %(number expected, got nil%)", out)
  end)
end)
