local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("rule accepted_sends", function()
  it("is violated when send returned true but the message was never delivered to its sender", function()
    finds("accepted_sends", "2:20: send of message 1:1d returned true, but the message was never delivered",
      changed(FIRST, "message 2:20 1:1d\n", ""), changed(SECOND, "message 2:20 1:1d\n", ""))
  end)

  it("requires delivery after a leave, but not after a disconnect", function()
    local first, second = FIRST, SECOND
    for _, line in ipairs { "message 2:20 1:1d\n", "quiet\nsettled\n" } do
      first, second = changed(first, line, ""), changed(second, line, "")
    end
    finds("accepted_sends", "2:20: send of message 1:1d returned true, but the message was never delivered", first,
      second)
    passes(first, changed(second, "config 2:20 1:10 2:20=leave -\n", "lost\n"))
  end)

  local alone = "config 1:10 1:10 - 1:10=join\nring 1:4\n%sconfig 1:10 - 1:10=leave -\n"
  local joining = "group g\nactivate\nsend 1 1:0a\nanswer 1 true\n"

  it("is violated when send returned true for a sender that was not a member", function()
    finds("accepted_sends", "send of message 1:0a returned true, but the sender was not a member",
      "group g\n" .. alone:format "quiet\n" .. "send 1 1:0a\nanswer 1 true\n")
    finds("accepted_sends", "send of message 1:0a returned true, but the sender was not a member",
      "group g\nsend 1 1:0a\nanswer 1 true\n")
    finds("accepted_sends", "send of message 1:0a returned true, but the sender never joined", joining .. "quiet\n")
  end)

  it("allows a member to send before its handlers are notified of its join", function()
    finds("accepted_sends", "send of message 1:0a returned true, but the message was never delivered",
      joining .. alone:format "quiet\n")
    passes(joining .. alone:format "message 1:10 1:0a\nquiet\n")
    passes(joining .. "lost\n" .. alone:format "quiet\n")
  end)
end)
