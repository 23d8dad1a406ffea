-- What scripts note of their own invariants.
local groups = require "spec.helpers.groups"
local history = require "corosync.history"
local uv = require "luv"
local follower = require "cpgrun.history_follower"

describe("an invariant", function()
  local folder

  before_each(function() folder = assert(uv.fs_mkdtemp "/tmp/history-XXXXXX") end)

  after_each(function()
    groups.clean()
    for _, path in ipairs(follower.files_in(folder)) do
      os.remove(path)
    end
    assert(uv.fs_rmdir(folder))
  end)

  -- Runs code with its `group`, and returns the lines of the history that are notes, without their times.
  local function recorded(code)
    local program = groups.spawn { groups.interpreter, "-e", ([[
      local corosync, history = require "corosync", require "corosync.history"
      assert(history.record %q)
      local group = corosync.group("invariants", {})
      assert(group:activate())
      %s]]):format(folder, code) }
    assert.equal(0, (assert(program:wait(10))), table.concat(program.errors, "\n"))
    local lines, last = {}, 0
    for line in io.lines((follower.files_in(folder))[1]) do
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
      "released TIME lock", "holds TIME lock 5" }, recorded [[
      history.unique(group, "tick", 7.0)
      history.unique(group, "a b", "")
      history.unique(group, "tick", true)
      history.holds(group, "lock", 2 ^ 53)
      history.released(group, "lock")
      history.holds(group, "lock", 5)]])
    local report = assert(history.check(follower.files_in(folder)))
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
