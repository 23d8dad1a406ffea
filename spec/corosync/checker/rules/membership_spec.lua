local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, check, finds, passes = checking.changed, checking.check, checking.finds, checking.passes

describe("rule membership", function()
  it("is violated by a member list that does not follow from the previous one", function()
    finds("membership", "the members of 1:10 are 1:10, but those before and this change make 1:10,2:20",
      changed(FIRST, "config 1:10 1:10,2:20 - 2:20=join", "config 1:10 1:10 - 2:20=join"), SECOND)
    finds("membership", "3:30 left but was not a member",
      changed(FIRST, "2:20=nodedown -", "2:20=nodedown,3:30=nodedown -"), SECOND)
    finds("membership", "2:20 joined but was a member already",
      changed(FIRST, "config 1:10 1:10 2:20=nodedown -\n", ""), SECOND)
    finds("membership", "1:10 joined but is not among the members",
      changed(FIRST, "config 1:10 1:10 - 1:10=join", "config 1:10 - - 1:10=join"), SECOND)
    finds("membership", "3:30 joined but is not among the members",
      changed(FIRST, "config 1:10 1:10 - 1:10=join", "config 1:10 1:10 - 1:10=join,3:30=join"), SECOND)
  end)

  it("is violated by a reason that is not valid for a join or for a leave", function()
    finds("membership", "2:20 is in `left` with the reason 'join'",
      changed(FIRST, "2:20=nodedown -", "2:20=join -"), SECOND)
    finds("membership", "2:20 is in `joined` with the reason 'leave'",
      changed(FIRST, "- 2:20=nodeup", "- 2:20=leave"), SECOND)
  end)

  it("is violated by a single member that joins or leaves with a node reason", function()
    finds("membership", "1:10 joined, but its own join has the reason 'nodeup'",
      "group g\nconfig 1:10 1:10 - 1:10=nodeup\n")
    for _, reason in ipairs { "procdown", "nodedown" } do
      finds("membership", "1:10 left, but its own leave has the reason '" .. reason,
        ("group g\nconfig 1:10 1:10 - 1:10=join\nring 1:4\nconfig 1:10 - 1:10=%s -\n"):format(reason))
    end
  end)

  it("is violated by a list that contains a member twice", function()
    for which, lists in pairs { members = "1:10,2:20,2:20 - 2:20=nodeup",
      joined = "1:10,2:20 - 2:20=nodeup,2:20=nodeup", left = "1:10,2:20 3:30=procdown,3:30=procdown 2:20=nodeup" } do
      finds("membership", "%d:%d0 is in `" .. which .. "` twice",
        changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup", "config 1:10 " .. lists), SECOND)
    end
  end)

  it("is violated by a member that both leaves and joins, and by an empty change", function()
    finds("membership", "2:20 is in `left` and in `joined` of the same configuration",
      changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:10 1:10,2:20 2:20=leave 2:20=join\n"), SECOND)
    finds("membership", "a configuration in which no member left or joined was delivered to 1:10",
      changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:10 1:10 - -\n"), SECOND)
  end)

  it("is violated by a process that joins or leaves together with others", function()
    for _, lists in ipairs { "1:10,2:20,3:30 - 2:20=nodeup,3:30=join", "1:10,2:20 3:30=procdown 2:20=nodeup",
      "1:10,2:20,3:30 - 2:20=join,3:30=join" } do
      finds("membership", "a process that joined or left by itself was reported to 1:10 together with other changes",
        changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup", "config 1:10 " .. lists), SECOND)
    end
  end)

  it("is violated by a configuration meant for another member", function()
    finds("membership", "the history is of 1:10, but has a configuration that was delivered to 1:99",
      changed(FIRST, "config 1:10 1:10 2:20=node", "config 1:99 1:10 2:20=node"), SECOND)
    finds("membership", "the history is of 1:10, but has a configuration that was delivered to 1:99",
      changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:99 1:10,1:99 - 1:99=join\n"), SECOND)
  end)

  it("allows a process to rejoin before it is notified of the disconnect, only if it called activate()", function()
    local own = "group g\nconfig 1:10 1:10 - 1:10=join\nring 1:4\nsend 1 1:0a\nanswer 1 true\n"
      .. "config 1:10 1:10 - 1:10=join\nring 1:9\nsend 2 1:0b\nanswer 2 true\nmessage 1:10 1:0b\n"
    local report = check(own)
    assert.same({}, report.violations)
    assert.equal(2, report.figures.lives)
    local asks = changed(own, "group g\n", "group g\nactivate\n")
    finds("membership", "1:10 rejoined without a leave, a disconnect or `activate%(%)`", asks)
    for _, lines in ipairs { "lost\n", "deactivate\nactivate\n" } do
      passes(changed(asks, "answer 1 true\n", "answer 1 true\n" .. lines))
    end
  end)
end)
