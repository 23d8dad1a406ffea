local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds = checking.changed, checking.finds

describe("rule self_delivery", function()
  it("is violated by a member that misses one of its own messages and delivers a later one", function()
    finds("self_delivery", "1:10 sent message 1:0a, and delivered a later one of its own without it",
      changed(FIRST, "message 1:10 1:0a\n", ""), SECOND)
  end)
end)
