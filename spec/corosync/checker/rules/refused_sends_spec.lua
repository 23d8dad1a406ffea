local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, check, finds = checking.changed, checking.check, checking.finds

describe("rule refused_sends", function()
  it("is violated by a delivered message whose send failed", function()
    finds("refused_sends", "1:10 delivered message 1:0c of 1:10, whose send failed",
      changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 1:10 1:0c\n"), SECOND)
  end)

  it("is the only rule that such a message violates", function()
    local report = check(changed(FIRST, "message 1:10 1:0d\n", "message 1:10 1:0c\nmessage 1:10 1:0d\n"), SECOND)
    assert.equal(1, #report.violations)
  end)
end)
