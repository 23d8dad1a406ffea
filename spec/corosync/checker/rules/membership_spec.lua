local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, check, finds, passes = checking.changed, checking.check, checking.finds, checking.passes

describe("the rule membership", function()
  it("is violated by members that do not follow from those before", function()
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

  it("is violated by a reason for joining that is none, or for leaving", function()
    finds("membership", "2:20 is in `left` with the reason 'join'",
      changed(FIRST, "2:20=nodedown -", "2:20=join -"), SECOND)
    finds("membership", "2:20 is in `joined` with the reason 'leave'",
      changed(FIRST, "- 2:20=nodeup", "- 2:20=leave"), SECOND)
  end)

  it("is violated by a member that joins or leaves by itself for a reason of nodes", function()
    finds("membership", "1:10 joined, but its own join has the reason 'nodeup'",
      "group g\nconfig 1:10 1:10 - 1:10=nodeup\n")
    for _, reason in ipairs { "procdown", "nodedown" } do
      finds("membership", "1:10 left, but its own leave has the reason '" .. reason,
        ("group g\nconfig 1:10 1:10 - 1:10=join\nring 1:4\nconfig 1:10 - 1:10=%s -\n"):format(reason))
    end
  end)

  it("is violated by a list that has a member twice", function()
    for which, lists in pairs { members = "1:10,2:20,2:20 - 2:20=nodeup",
      joined = "1:10,2:20 - 2:20=nodeup,2:20=nodeup", left = "1:10,2:20 3:30=procdown,3:30=procdown 2:20=nodeup" } do
      finds("membership", "%d:%d0 is in `" .. which .. "` twice",
        changed(FIRST, "config 1:10 1:10,2:20 - 2:20=nodeup", "config 1:10 " .. lists), SECOND)
    end
  end)

  it("is violated by a member that leaves and joins at once, and by a change of nothing", function()
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

  it("is violated by a configuration that was delivered to another member", function()
    finds("membership", "the history is of 1:10, but has a configuration that was delivered to 1:99",
      changed(FIRST, "config 1:10 1:10 2:20=node", "config 1:99 1:10 2:20=node"), SECOND)
    finds("membership", "the history is of 1:10, but has a configuration that was delivered to 1:99",
      changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:99 1:10,1:99 - 1:99=join\n"), SECOND)
  end)

  it("lets a process rejoin that was not notified yet of the loss of Corosync, but only if it asked to", function()
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
