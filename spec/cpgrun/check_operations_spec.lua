-- `cpgrun check` checks the operations that scripts record.
local program = require "spec.helpers.program"

describe("cpgrun check #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  local function check(seconds, ...)
    local it = program.start("cpgrun", "check", "--seconds", seconds, ...)
    local code, signal = assert(it:wait(120))
    assert.equal(0, signal)
    return code, table.concat(it.lines, "\n") .. table.concat(it.errors, "\n")
  end

  -- Each process makes two operations on an object of its own, and ends them by this code.
  local function script(code)
    return program.file("operations.lua", ([[
      local history = require "corosync.history"
      function config_change() end
      function started()
        for _, call in ipairs { "add 1", "get" } do
          local operation = history.operation(group, { object = "sum", key = tostring(group:address()), call = call,
            read = call == "get" })
          %s
        end
      end]]):format(code))
  end

  local function remove_folder(out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/tmp/%S+)"))))
  end

  it("prints how many operations were checked", function()
    local code, out = check("1", "--nodes", "2", "--seed", "5", script "operation:ok(1)")
    assert.equal(0, code, out)
    assert.is_true(tonumber(out:match "\n(%d+) operations recorded by the script, checked by the rule linearizable\n")
      >= 4, out)
    assert.matches("No ordering violations.$", out)
  end)

  it("prints nothing about operations when there are none", function()
    local path = program.file("none.lua", "function config_change() end")
    local code, out = check("1", "--nodes", "2", "--seed", "5", path)
    assert.equal(0, code, out)
    assert.not_matches("operation", out)
  end)

  it("exits with 1 when the operations are not linearizable", function()
    local code, out = check("1", "--nodes", "2", "--seed", "5", script "operation:ok(2)")
    assert.equal(1, code, out)
    assert.matches("\nlinearizable: no order of the operations on sum/%d:%d+ explains that 'add 1' on sum/%d:%d+ by "
      .. "%d:%d+ returned 2 %(/tmp/%S+:%d+%)\n", out)
    assert.matches("\nFAIL: operations were not linearizable.\n", out)
    remove_folder(out)
  end)

  it("exits with 1 when it cannot decide", function()
    local path = program.file("push.lua", [[
      local history = require "corosync.history"
      function config_change() end
      function started() history.operation(group, { object = "stack", call = "push 1" }):ok() end]])
    local code, out = check("1", "--nodes", "2", "--seed", "5", path)
    assert.equal(1, code, out)
    assert.matches("\nlinearizable: undecided: 'push 1' on stack by [^\n]* has no index", out)
    assert.matches("\nNo ordering violations, but whether all operations were linearizable is undecided.\n", out)
    remove_folder(out)
  end)

  it("checks the operations of the example", function()
    local code, out = check("10", "--nodes", "3", "examples/register.lua")
    assert.is_true(tonumber(out:match "\n(%d+) operations recorded by the script") > 100, out)
    if code ~= 0 then
      assert.matches("\nlinearizable: ", out)
      assert.matches("\nFAIL: operations were not linearizable.\n", out)
      remove_folder(out)
    end
  end)
end)
