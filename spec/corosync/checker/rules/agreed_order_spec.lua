local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds = checking.changed, checking.finds

describe("rule agreed_order", function()
  it("is violated by two members that deliver two messages in different orders", function()
    finds("agreed_order", "2:20 delivered message 1:1a of 2:20 after message 1:0b of 1:10; "
      .. "1:10 delivered them the other way round %(first:10%)", FIRST,
      changed(SECOND, "message 2:20 1:1a\nmessage 1:10 1:0b\n", "message 1:10 1:0b\nmessage 2:20 1:1a\n"))
  end)
end)
