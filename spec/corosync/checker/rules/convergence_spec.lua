local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, check, finds, passes = checking.changed, checking.check, checking.finds, checking.passes

describe("rule convergence", function()
  it("is violated by members with different member lists or rings at the end", function()
    finds("convergence", "1:10 saw the members 1:10; they should have been 1:10,2:20",
      changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup\nring 1:12\nmessage 2:20 1:1d\n", ""), SECOND)
    finds("convergence", "2:20 was on ring 2:16, and 1:10 on ring 1:12", FIRST,
      changed(SECOND, "message 2:20 1:1d\n", "message 2:20 1:1d\nring 2:16\n"))
  end)

  it("is violated when a process should be a member and is not", function()
    finds("convergence", "1:10 was not a member; the members should have been 1:10,2:20",
      changed(FIRST, "quiet\n", "lost\n"), SECOND)
    finds("convergence", "2:20 was not a member", FIRST, changed(SECOND, "quiet\n", "deactivate\nactivate\nlost\n"))
    finds("convergence", "this process had never joined", FIRST, "group g\nactivate\nsettled\n")
  end)

  it("is violated on the line where the member noted that the cluster had settled", function()
    local report = check(FIRST, changed(SECOND, "message 2:20 1:1d\n", "message 2:20 1:1d\nring 2:16\n"))
    local found = report.violations[1]
    assert.same({ 1, "convergence", "second", 23 }, { #report.violations, found.rule, found.history, found.line })
  end)

  it("ignores members that left or were never meant to join", function()
    local away = { "group g\nsend 1 1:0a\nanswer 1 not_joined\nsettled\n", "group g\nactivate\ndeactivate\nsettled\n",
      "group other\nactivate\nconfig 3:30 3:30 - 3:30=join\nring 1:4\ndeactivate\nsettled\n",
      "group other\nconfig 3:30 3:30 - 3:30=join\nring 1:4\nconfig 3:30 - 3:30=leave -\nsettled\n" }
    for _, text in ipairs(away) do
      passes(FIRST, SECOND, text)
    end
  end)
end)
