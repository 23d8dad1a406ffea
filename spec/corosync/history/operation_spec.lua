-- Operations that a script records by itself.
local groups = require "spec.helpers.groups"
local history = require "corosync.history"
local recorded = require "spec.helpers.recorded"

describe("an operation", function()
  before_each(recorded.begin)
  after_each(recorded.clean)

  -- The lines of the history that this code writes with its `group`, without their times.
  local function written(code)
    recorded.run(code)
    local lines, last = {}, 0
    for line in recorded.lines() do
      local before, time, after = line:match "^(%l+ %d+ )(%d+%.%d%d%d%d%d%d%d%d%d)(.*)$"
      if time then
        assert.is_true(tonumber(time) >= last)
        lines[#lines + 1], last = before .. "TIME" .. after, tonumber(time)
      end
    end
    return lines
  end

  it("is written when it begins and when it ends", function()
    assert.same({
      "invoke 1 TIME stock apples add 1", "query 2 TIME stock - get", "ok 1 TIME 17 5", "failed 2 TIME not_ready",
      "invoke 3 TIME stock apples add 1", "unknown 3 TIME uncertain", "invoke 4 TIME stock apples add 1",
    }, written [[
      local fields = { object = "stock", key = "apples", call = { "add", 1 } }
      local first = history.operation(group, fields)
      local second = history.operation(group, { object = "stock", call = "get", read = true })
      first:ok(5, 17)
      second:failed "not_ready"
      history.operation(group, fields):unknown "uncertain"
      history.operation(group, fields)]])
    local report = recorded.check()
    assert.is_true(report.ok)
    assert.equal(4, report.figures.operations)
  end)

  it("keeps values of any kind apart", function()
    local lines = written [[
      for i, value in ipairs { "", "-", " a b", "\\\n", 3.0, 1e15, 0.5, true, "\200\255" } do
        history.operation(group, { object = "a b", key = value, call = { "write", value } }):ok(value)
      end
      history.operation(group, { object = "", call = "cas - x y" }):ok(nil, 2 ^ 53)]]
    local values = { [[\]], [[\045]], [[\032a\032b]], [[\092\010]], "3", "1000000000000000", "0.5", "true", "\200\255" }
    for i, value in ipairs(values) do
      assert.equal(("invoke %d TIME a\\032b %s write %s"):format(i, value, value), lines[2 * i - 1])
      assert.equal(("ok %d TIME - %s"):format(i, value), lines[2 * i])
    end
    assert.equal([[invoke 10 TIME \ - cas - x y]], lines[19])
    assert.equal("ok 10 TIME 9007199254740992 -", lines[20])
    recorded.check()
  end)

  it("ends once", function()
    local lines = written [[
      local operation = history.operation(group, { object = "stock", call = "get" })
      operation:ok()
      for _, how in ipairs { "ok", "failed", "unknown" } do
        local ok, message = pcall(operation[how], operation, "text")
        assert(not ok and message:find("bad call of '" .. how .. "' (this operation has ended)", 1, true), message)
      end]]
    assert.equal(2, #lines)
  end)

  it("refuses results, indices and codes that cannot be recorded", function()
    written [[
      local operation = history.operation(group, { object = "stock", call = "get" })
      for message, call in pairs {
        ["bad argument #1 'result' to 'ok' (string, number, boolean or nil expected, got table)"] =
          function() operation:ok {} end,
        ["bad argument #2 'index' to 'ok' (a whole number or nil expected, got 1.5)"] =
          function() operation:ok(1, 1.5) end,
        ["bad argument #2 'index' to 'ok' (a whole number or nil expected, got -1)"] =
          function() operation:ok(1, -1) end,
        ["bad argument #2 'index' to 'ok' (a whole number or nil expected, got x)"] =
          function() operation:ok(1, "x") end,
        ["bad argument #1 'code' to 'failed' (string expected, got nil)"] = function() operation:failed() end,
        ["bad argument #1 'code' to 'unknown' (string expected, got number)"] =
          function() operation:unknown(1) end,
      } do
        local ok, problem = pcall(call)
        assert(not ok and problem:find(message, 1, true), problem)
      end
      operation:ok()]]
  end)

  it("of a group that is not recorded does nothing", function()
    local group = groups.new {}
    for _ = 1, 2 do
      local operation = history.operation(group, { object = "stock", call = "get" })
      assert.is_nil(operation:ok(1, 1))
      assert.is_nil(operation:failed "full")
      assert.is_nil(operation:unknown "timeout")
    end
  end)

  it("refuses wrong fields, also of a group that is not recorded", function()
    local group = groups.new {}
    for problem, fields in pairs {
      ["table expected, got nil"] = false,
      ["unknown field 'calls': did you mean 'call'?"] = { object = "stock", calls = "get" },
      ["field 'object': string expected, got nil"] = { call = "get" },
      ["field 'key': string, number, boolean or nil expected, got table"] = { object = "stock", key = {} },
      ["field 'read': boolean expected, got string"] = { object = "stock", call = "get", read = "yes" },
      ["field 'call': a text that begins with a name, or a table of a name and plain values expected, got nil"] =
        { object = "stock" },
    } do
      assert.has_error(function() history.operation(group, fields or nil) end,
        "bad argument #2 'fields' to 'operation' (" .. problem .. ")")
    end
    for _, call in ipairs { "", " get", {}, { 1 }, { "write", {} }, { "cas", [3] = 5 }, { name = "get" } } do
      assert.has_error(function() history.operation(group, { object = "stock", call = call }) end)
    end
    for _, other in ipairs { "group", {}, 1 } do
      assert.has_error(function() history.operation(other, { object = "stock", call = "get" }) end,
        "bad argument #1 to 'operation' (group expected, got " .. type(other) .. ")")
    end
  end)
end)
