local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"

local FIRST, SECOND = histories.FIRST, histories.SECOND
local changed, finds, passes = checking.changed, checking.finds, checking.passes

describe("rule leaks", function()
  local function with(lines) return changed(FIRST, "quiet\n", lines .. "quiet\n") end

  it("is violated by descriptors left open and by growing memory", function()
    passes(with "usage 8 500\nusage 8 3000\n", SECOND)
    finds("leaks", "9 descriptors are open, after 8 at first", with "usage 8 500\nusage 9 500\n", SECOND)
    finds("leaks", "4000 kB of memory are used, after 500 kB at first", with "usage 8 500\nusage 8 4000\n", SECOND)
  end)

  it("accepts numbers of any length", function()
    finds("leaks", "99999999999999999999 descriptors are open, after 1 at first",
      with "usage 1 1\nusage 99999999999999999999 1\n", SECOND)
  end)
end)
