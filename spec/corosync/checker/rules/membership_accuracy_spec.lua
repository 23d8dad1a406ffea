local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("rule membership_accuracy", function()
  it("is violated by a member that reappears more often than it joined", function()
    for _, reason in ipairs { "leave", "procdown" } do
      finds("membership_accuracy",
        "1:10 was told that 2:20 joined after it had left for good 1 times, but it has joined only 1 times",
        changed(FIRST, "2:20=nodedown", "2:20=" .. reason), SECOND)
    end
  end)

  it("is violated by the reason 'join' for a member that did not join", function()
    finds("membership_accuracy",
      "1:10 was told that 2:20 joined on ring 1:8 with the reason 'join', but it did not join there",
      changed(FIRST, "2:20=nodeup", "2:20=join"), SECOND)
  end)

  it("is violated by the reason 'procdown' for a member that left", function()
    finds("membership_accuracy",
      "1:10 was told that 2:20 left with the reason 'procdown', but it left by itself each time",
      changed(FIRST, "2:20=leave", "2:20=procdown"), SECOND)
  end)

  it("allows and counts a leave of a process that was never a member here, if it has a history", function()
    local first = changed(FIRST, "ring 1:8\n", "ring 1:8\nconfig 1:10 1:10 3:30=procdown -\n")
    for _, third in ipairs { "group g\nactivate\n", "group g\nconfig 3:30 3:30 - 3:30=join\nring 3:4\n" } do
      assert.same({ ["unknown member left"] = 1 }, passes(first, SECOND, third))
    end
    finds("membership_accuracy",
      "1:10 was told that 3:30 left with the reason 'procdown', but it was not a member and has no history",
      first, SECOND)
  end)

  -- A daemon may take a list of members for the present that another made before one of them ended.
  it("allows and counts a member that ended during a ring merge and remains, but not one that ended before", function()
    local function survivor(own, other, ghost)
      return ("group g\nconfig %s 1:10,2:20,3:30 - %s=join\nring 1:4\n"):format(own, own)
        .. ("config %s 1:10,2:20 3:30=procdown -\n"):format(own)
        .. ("config %s %s %s=nodedown -\nring %s:8\n"):format(own, own, other, own:sub(1, 1))
        .. ("config %s 1:10,2:20%s - %s=nodeup%s\nring 1:12\nsettled\n"):format(own, ghost and ",3:30" or "", other,
        ghost and ",3:30=nodeup" or "")
    end
    local third = "group g\nactivate\nconfig 3:30 1:10,2:20,3:30 - 3:30=join\nring 1:4\n"
    assert.same({ ["member that has ended"] = 2 },
      passes(survivor("1:10", "2:20"), survivor("2:20", "1:10", true), third))
    local function long_before(text)
      return changed(text, "3:30=procdown -\n", "3:30=procdown -\nring 1:5\n")
    end
    local both = { long_before(survivor("1:10", "2:20")), long_before(survivor("2:20", "1:10", true)) }
    finds("convergence", "2:20 saw the members 1:10,2:20,3:30; they should have been 1:10,2:20", both[1], both[2],
      third)
    finds("membership_accuracy", "2:20 was told that 3:30 joined after it had left for good 1 times", both[1], both[2],
      third)
  end)
end)
