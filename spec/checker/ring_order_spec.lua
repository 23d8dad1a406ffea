local checking = require "spec.support.checking"
local histories = require "spec.support.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("the rule ring_order", function()
  it("is violated by a ring that is older than the one before", function()
    finds("ring_order", "1:10 was told of ring 1:7 after ring 1:8", changed(FIRST, "ring 1:12\n", "ring 1:7\n"), SECOND)
  end)

  it("allows to be told of a ring twice", function()
    for _, ring in ipairs { "ring 1:12\n", "ring 1:4\n" } do
      passes(changed(FIRST, ring, ring .. ring), SECOND)
    end
  end)

  it("is violated by a message between a change of nodes and its ring", function()
    for _, ring in ipairs { "ring 1:12\n", "ring 1:8\n" } do
      finds("ring_order", "1:10 delivered a message before the ring of the last change of nodes",
        changed(FIRST, ring, ""), SECOND)
    end
  end)

  it("is violated by another change between a change of nodes and its ring", function()
    for _, change in ipairs { "1:10,2:21 - 2:21=join", "- 1:10=leave -" } do
      finds("ring_order", "1:10 was told that a process joined or left before the ring of the last change of nodes",
        changed(FIRST, "ring 1:8\n", ("config 1:10 %s\nring 1:8\n"):format(change)), SECOND)
    end
  end)
end)
