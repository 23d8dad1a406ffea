local checking = require "spec.helpers.checker"

local check, finds, passes = checking.check, checking.finds, checking.passes

-- A history of a member, in a group of its own unless it is named.
local function history(own, lines, group)
  return ("group %s\nconfig %s %s - %s=join\nring 1:4\n"):format(group or own, own, own, own) .. lines
end

-- Of a process that never joined, in the group of 1:10.
local function other(lines) return "group 1:10\n" .. lines end

describe("rule unique", function()
  it("accepts values that differ in kind, value or group", function()
    passes(history("1:10", "unique tick 1\nunique tick 2\nunique sum 1\n"), other "unique tick 3\n",
      history("2:20", "unique tick 1\n"))
  end)

  it("is violated by a value that two members note", function()
    finds("unique", "a process that never joined noted the tick 2, which 1:10 had already noted %(first:5%)",
      history("1:10", "unique tick 1\nunique tick 2\n"), other "unique tick 2\n")
  end)

  it("is violated by a value that one member notes twice", function()
    local report = check(history("1:10", "unique tick 1\nunique sum 5\nunique tick 1\n"))
    assert.equal("1:10 noted the tick 1, which 1:10 had already noted (first:4)", report.violations[1].text)
    assert.same({ 1, "first", 6, 3 },
      { #report.violations, report.violations[1].history, report.violations[1].line, report.figures.claims })
  end)
end)
