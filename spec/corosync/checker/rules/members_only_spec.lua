local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds = checking.changed, checking.finds

describe("rule members_only", function()
  it("is violated by a message delivered outside a membership", function()
    finds("members_only", "message 1:1d of 2:20 was delivered to a process that was not a member", FIRST,
      SECOND .. "message 2:20 1:1d\n")
    finds("members_only", "message 1:0a of 1:10 was delivered to a process that was not a member", FIRST,
      changed(SECOND, "group g\n", "group g\nmessage 1:10 1:0a\n"))
    finds("members_only", "message 1:1d of 2:20 was delivered to a process that was not a member",
      changed(FIRST, "ring 1:12\n", "ring 1:12\nlost\n"), SECOND)
  end)

  it("is violated by a configuration delivered before the join", function()
    finds("members_only", "a configuration was delivered to 1:10 before its own join",
      changed(FIRST, "- 1:10=join", "- -"), SECOND)
  end)

  it("is violated by a message from a process that is not a member", function()
    finds("members_only", "1:10 delivered message 1:1d of 2:20, which was not a member",
      changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup\nring 1:12\nmessage 2:20 1:1d\n", "message 2:20 1:1d\n"),
      SECOND)
  end)
end)
