local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("rule ring_order", function()
  it("is violated by a ring older than the previous one", function()
    finds("ring_order", "1:10 was told of ring 1:7 after ring 1:8", changed(FIRST, "ring 1:12\n", "ring 1:7\n"), SECOND)
  end)

  it("compares numbers that no Lua number represents exactly", function()
    local function large(number) return (FIRST:gsub("ring 1:12\n", ("ring 1:%s\n"):format(number))) end
    local first = large("18446744073709551615"):gsub("ring 1:8\n", "ring 1:18446744073709551611\n")
    local second = SECOND:gsub("ring 1:12\n", "ring 1:18446744073709551615\n")
    passes(first, second)
    for _, number in ipairs { "18446744073709551610", "9999999999999999999", "0008" } do
      local older = first:gsub("ring 1:18446744073709551615", "ring 1:" .. number)
      finds("ring_order", ("1:10 was told of ring 1:%s after ring 1:18446744073709551611"):format(number), older,
        second)
    end
  end)

  it("allows a repeated notification of a ring", function()
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
