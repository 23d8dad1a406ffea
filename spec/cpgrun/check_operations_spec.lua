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
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end

  it("prints how many operations were checked", function()
    local code, out = check("1", "--nodes", "2", "--seed", "5", script "operation:ok(1)")
    assert.equal(0, code, out)
    assert.is_true(tonumber(out:match "\n(%d+) operations on shared objects, checked by the rule linearizable\n")
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
      .. "%d:%d+ returned 2 %(/%S+:%d+%)\n", out)
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

  -- All members use one key of a map in all ways. `plant`: what else happens when a command is applied.
  local function map_script(plant)
    return program.file("mapped.lua", ([[
      local part = require "corosync.replica.map.part"
      local uv = require "luv"
      local apply = part.apply
      function part.apply(all, command, at)
        local result = apply(all, command, at)
        %s
        return result
      end
      local values = map "values"
      local function use()
        values:increment("n", 2)
        values:get("n", { confirmed = true })
        values:replace("n", values:get "n", "a text")
        values:set("n", 0.5)
        values:increment "n"
        if values:get("n", { confirmed = true }) == 1.5 then values:delete "n" end
        values:set("list", { 1, { x = "y" } })
        values:replace("list", { 1, { x = "y" } }, 3)
        values:set("short", true, { ttl = 0.2 })
        values:get("short", { confirmed = true })
      end
      local timer = uv.new_timer()
      timer:start(50, 50, function() coroutine.wrap(use)() end)]]):format(plant))
  end

  it("checks the operations of maps, which are recorded automatically", function()
    local code, out = check("6", "--nodes", "3", "--seed", "3", map_script "")
    assert.equal(0, code, out)
    assert.is_true(tonumber(out:match "\n(%d+) operations on shared objects") > 200, out)
  end)

  it("finds a change of a map that is lost", function()
    local code, out = check("3", "--nodes", "2", "--seed", "5", map_script [[
      if command[2] == "increment" and at % 16 == 0 then
        apply(all, { "map", "increment", command[3], command[4], -command[5] }, at)
      end]])
    assert.equal(1, code, out)
    assert.matches("\nlinearizable: no order of the operations on check%-5.values/n explains that '%l+[^']*' on "
      .. "check%-5.values/n by %d:%d+ returned ", out)
    remove_folder(out)
  end)

  it("checks the operations of the example", function()
    local code, out = check("10", "--nodes", "3", "examples/register.lua")
    assert.is_true(tonumber(out:match "\n(%d+) operations on shared objects") > 100, out)
    if code ~= 0 then
      assert.matches("\nlinearizable: ", out)
      assert.matches("\nFAIL: operations were not linearizable.\n", out)
      remove_folder(out)
    end
  end)
end)
