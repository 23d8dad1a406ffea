local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("rule fifo", function()
  it("is violated by a message delivered after a later one of the same sender", function()
    local first = changed(FIRST, "message 2:20 1:1a\nmessage 1:10 1:0b\n", "message 1:10 1:0b\n")
    first = changed(first, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:1a\n")
    finds("fifo", "1:10 delivered message 1:1a of 2:20 after a later one of the same sender", first, SECOND)
  end)

  it("is violated by a gap; overlapping sends are ordered by their return", function()
    local second = changed(SECOND, "answer 2 true\n",
      "answer 2 true\nsend 8 1:98\nsend 9 1:99\nanswer 9 true\nanswer 8 true\n")
    second = changed(second, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:99\nmessage 2:20 1:98\n")
    local function first(deliveries)
      return changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\n" .. deliveries)
    end
    passes(first "message 2:20 1:99\nmessage 2:20 1:98\n", second)
    finds("fifo", "1:10 delivered message 1:98 of 2:20 without 1:99 before it", first "message 2:20 1:98\n", second)
  end)

  it("is violated by a gap between identical messages", function()
    local function equal(text) return (text:gsub("1:1[ab]", "0:00"):gsub("1:0[ab]", "0:00")) end
    passes(equal(FIRST), equal(SECOND))
    finds("fifo", "1:10 delivered message 1:1d of 2:20 without %S+ before it", changed(equal(FIRST),
      "try_again\nmessage 2:20 0:00\n", "try_again\nmessage 2:20 0:00\nmessage 2:20 1:1d\n"), equal(SECOND))
  end)

  it("is violated by an extra identical message after all that were sent", function()
    local function equal(text) return (text:gsub("1:1[ab]", "0:00")) end
    finds("fifo", "2:20 delivered message 0:00 of 2:20 after the last one that it sent", equal(FIRST),
      changed(equal(SECOND), "message 2:20 1:1d\n", "message 2:20 1:1d\nmessage 2:20 0:00\n"))
  end)
end)

describe("rules about a process killed during a send", function()
  it("allow any of its unfinished sends to be delivered, but the same ones to all survivors", function()
    local function survivor(own, deliveries)
      return ("group g\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:4\n%sconfig %s 1:10,2:20 3:30=procdown -\n"):format(
        own, own, deliveries, own)
    end
    local killed = "group g\nconfig 3:30 1:10,2:20,3:30 - 3:30=join\nring 1:4\nsend 1 1:01\nanswer 1 true\n%s"
      .. "send 2 1:02\nsend 3 1:03\n"
    local first, second = "message 3:30 1:01\n", "message 3:30 1:03\n"
    for _, own in ipairs { killed:format "", killed:format(first), killed:format(first) .. second } do
      passes(survivor("1:10", first .. second), survivor("2:20", first .. second), own)
    end
    for _, lacking in ipairs { first, second, "" } do
      finds("virtual_synchrony", "2:20 and 1:10 moved together", survivor("1:10", first .. second),
        survivor("2:20", lacking), killed:format(first) .. second)
    end
  end)

  it("allow its history to end within a line", function()
    local killed = SECOND:match "^(.*)send 3" .. "send 3 1:1c\nmessa"
    local first = changed(FIRST, "message 2:20 1:1b\n", "message 2:20 1:1b\nmessage 2:20 1:1c\n")
    first = changed(first, "message 2:20 1:1d\nquiet\nsettled\n", "quiet\n")
    passes(first, killed)
  end)
end)
