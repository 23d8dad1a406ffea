-- What scripts note of their own invariants.
local history = require "corosync.history"
local recorded = require "spec.helpers.recorded"

describe("an invariant", function()
  before_each(recorded.begin)
  after_each(recorded.clean)

  -- Runs code with its `group`, and returns the lines of the history that are notes, without their times.
  local function written(code)
    recorded.run(code)
    local lines, last = {}, 0
    for line in recorded.lines() do
      local time = line:match "^%l+ (%d+%.%d%d%d%d%d%d%d%d%d)"
      if time then
        assert.is_true(tonumber(time) >= last)
        last = tonumber(time)
      end
      if time or line:match "^unique" then
        lines[#lines + 1] = line:gsub(" %d+%.%d+", " TIME")
      end
    end
    return lines
  end

  it("is written with the time of holders, and checked", function()
    assert.same({ "unique tick 7", "unique a\\032b \\", "unique tick true", "holds TIME lock 9007199254740992",
      "released TIME lock", "holds TIME lock 5" }, written [[
      history.unique(group, "tick", 7.0)
      history.unique(group, "a b", "")
      history.unique(group, "tick", true)
      history.holds(group, "lock", 2 ^ 53)
      history.released(group, "lock")
      history.holds(group, "lock", 5)]])
    local report = recorded.check()
    assert.equal(6, report.figures.claims)
    assert.equal(1, #report.violations)
    assert.equal("exclusive", report.violations[1].rule)
  end)

  it("is not written without a recording", function()
    local group = require("corosync").group("invariants", {})
    history.unique(group, "tick", 1)
    history.holds(group, "lock", 1)
    history.released(group, "lock")
  end)

  it("refuses wrong arguments by their names", function()
    local group = require("corosync").group("invariants", {})
    local function raises(pattern, name, ...)
      local ok, message = pcall(history[name], ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    raises("bad argument #1 to 'unique' %(group expected, got nil%)", "unique")
    raises("bad argument 'kind' to 'unique' %(string expected, got number%)", "unique", group, 5, 5)
    raises("bad argument 'value' to 'unique' %(string, number or boolean expected, got nil%)", "unique", group, "tick")
    raises("bad argument 'value' to 'unique' .* got table", "unique", group, "tick", {})
    raises("bad argument 'name' to 'holds' %(string expected, got nil%)", "holds", group)
    raises("bad argument 'token' to 'holds' %(number expected, got nil%)", "holds", group, "lock")
    raises("bad argument 'token' to 'holds' %(a whole number .* got 1.5", "holds", group, "lock", 1.5)
    raises("bad argument 'token' to 'holds' %(a whole number", "holds", group, "lock", -1)
    raises("bad argument 'token' to 'holds' %(a whole number", "holds", group, "lock", 2 ^ 54)
    raises("bad argument 'name' to 'released' %(string expected, got table", "released", group, {})
  end)
end)
