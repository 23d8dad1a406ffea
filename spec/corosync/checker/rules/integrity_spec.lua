local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("rule integrity", function()
  it("is violated by a message that was never sent or whose bytes differ", function()
    for _, other in ipairs { "1:ff", "2:1a" } do
      finds("integrity", ("1:10 delivered message %s of 2:20, which was never sent"):format(other),
        changed(FIRST, "message 2:20 1:1a\n", ("message 2:20 %s\n"):format(other)), SECOND)
    end
  end)

  it("is violated by a message delivered twice", function()
    finds("integrity", "1:10 delivered message 1:1a of 2:20 again",
      changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:1a\n"), SECOND)
    finds("integrity", "1:10 delivered message 1:1b of 2:20 again",
      changed(FIRST, "message 2:20 1:1d\n", "message 2:20 1:1b\n"), SECOND)
  end)

  it("is violated by a message from a member without a history", function()
    finds("integrity", "1:10 delivered message 1:1a of 3:30, whose history is missing",
      changed(FIRST, "message 2:20 1:1a\n", "message 3:30 1:1a\nmessage 2:20 1:1a\n"), SECOND)
  end)

  it("is violated by a message delivered before it was sent", function()
    local first = changed(FIRST, "send 1 1:0a\nanswer 1 true\nmessage 1:10 1:0a\n",
      "message 1:10 1:0a\nsend 1 1:0a\nanswer 1 true\n")
    finds("integrity", "1:10 delivered its own message 1:0a before it sent it", first, SECOND)
  end)

  it("is violated when more identical messages are delivered than were sent", function()
    local function equal(text) return (text:gsub("1:1[abc]", "0:00")) end
    passes(equal(FIRST), equal(SECOND))
    local first = changed(equal(FIRST), "message 2:20 0:00\n", ("message 2:20 0:00\n"):rep(3))
    finds("integrity", "1:10 delivered message 0:00 of 2:20 more often than it was sent %(3 times%)", first,
      equal(SECOND))
  end)

  it("is violated by a second history of one member", function()
    finds("integrity", "2:20 has a second history; the first one is second,", FIRST, SECOND, SECOND)
  end)
end)

describe("rules about a member that left and rejoined", function()
  local again = "config 2:20 1:10 2:20=leave -\n%sconfig 2:20 1:10,2:20 - 2:20=join\nring 1:12\n%s"
  local first = FIRST .. "send 5 1:0e\nanswer 5 true\nmessage 1:10 1:0e\n"
    .. "config 1:10 1:10,2:20 - 2:20=join\nsend 6 1:0f\nanswer 6 true\nmessage 1:10 1:0f\n"

  local function second(deliveries)
    return changed(SECOND, "config 2:20 1:10 2:20=leave -\n", again:format("", deliveries))
  end

  it("require messages sent after the rejoin", function()
    passes(first, second "message 1:10 1:0f\n")
  end)

  it("forbid repeated or late messages and those from before the rejoin", function()
    finds("integrity", "2:20 delivered message 1:0b of 1:10 again", first,
      second "message 1:10 1:0b\nmessage 1:10 1:0f\n")
    finds("fifo", "2:20 delivered message 1:0a of 1:10 after a later one", first,
      second "message 1:10 1:0a\nmessage 1:10 1:0f\n")
    finds("members_only", "2:20 delivered message 1:0e of 1:10 from before it joined", first,
      second "message 1:10 1:0e\nmessage 1:10 1:0f\n")
  end)
end)
