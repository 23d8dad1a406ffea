local checking = require "spec.helpers.checker"

local check, finds, passes = checking.check, checking.finds, checking.passes

-- A history of operations on one object: its lines, where `OBJECT` stands for a group's object and key.
local function history(own, lines)
  return ("group g\nconfig %s %s - %s=join\nring 1:4\n"):format(own, own, own) .. lines:gsub("OBJECT", "reg x")
end

local function first(lines) return history("1:10", lines) end

-- Of another group's member, so that the two need not see each other.
local function second(lines) return (history("2:20", lines):gsub("config[^\n]*\nring[^\n]*\n", "")) end

local function is_undecided(pattern, ...)
  local report = check(...)
  assert.same({}, report.violations)
  assert.is_false(report.ok)
  assert.equal(1, #report.undecided)
  assert.equal("linearizable", report.undecided[1].rule)
  assert.matches(pattern, report.undecided[1].text)
end

describe("rule linearizable, of registers without an index,", function()
  local WRITE = "invoke 1 1.0 OBJECT write 5\nok 1 2.0 - -\n"

  it("accepts operations that overlap in any order", function()
    passes(first "query 1 1.0 OBJECT read\nok 1 2.0 - -\n")
    passes(first(WRITE), second "query 1 3.0 OBJECT read\nok 1 4.0 - 5\n")
    passes(first(WRITE), second "query 1 1.5 OBJECT read\nok 1 4.0 - 5\n")
    passes(first(WRITE), second "query 1 1.5 OBJECT read\nok 1 4.0 - -\n")
    passes(first(WRITE), second "query 1 2.0 OBJECT read\nok 1 4.0 - -\n")
    passes(first(WRITE), second "invoke 1 1.5 OBJECT cas - 6\nok 1 4.0 - true\nquery 2 5.0 OBJECT read\nok 2 6.0 - 5\n")
  end)

  it("is violated by a stale read", function()
    finds("linearizable", "no order of the operations on reg/x explains that 'read' on reg/x by a process that never "
      .. "joined returned %-", first(WRITE), second "query 1 3.0 OBJECT read\nok 1 4.0 - -\n")
    local report = check(first(WRITE), second "query 1 3.0 OBJECT read\nok 1 4.0 - -\n")
    assert.same({ 1, "second", 3 },
      { #report.violations, report.violations[1].history, report.violations[1].line })
  end)

  it("is violated by a read of an overwritten value after one of the new value", function()
    local writes = WRITE .. "invoke 2 3.0 OBJECT write 6\nok 2 9.0 - -\n"
    passes(first(writes), second "query 1 4.0 OBJECT read\nok 1 5.0 - 5\nquery 2 6.0 OBJECT read\nok 2 7.0 - 6\n")
    finds("linearizable", "'read' on reg/x by a process that never joined returned 5",
      first(writes), second "query 1 4.0 OBJECT read\nok 1 5.0 - 6\nquery 2 6.0 OBJECT read\nok 2 7.0 - 5\n")
  end)

  it("is violated by two comparisons that both found the old value", function()
    local both = first(WRITE .. "invoke 2 3.0 OBJECT cas 5 6\nok 2 5.0 - true\n")
    passes(both, second "invoke 1 3.0 OBJECT cas 5 7\nok 1 5.0 - false\n")
    finds("linearizable", "'cas 5 [67]' on reg/x by [^\n]* returned true", both,
      second "invoke 1 3.0 OBJECT cas 5 7\nok 1 5.0 - true\n")
  end)

  it("is violated by a comparison that failed although the value was there", function()
    finds("linearizable", "'cas 5 6' on reg/x by 1:10 returned false",
      first(WRITE .. "invoke 2 3.0 OBJECT cas 5 6\nok 2 5.0 - false\n"))
  end)

  it("lets an unknown operation take effect late, or never, but once and not before its begin", function()
    local unknown = first(WRITE .. "invoke 2 3.0 OBJECT write 6\nunknown 2 4.0 timeout\n")
    local function reads(...)
      local lines = {}
      for i, value in ipairs { ... } do
        lines[i] = ("query %d %d.0 OBJECT read\nok %d %d.5 - %s\n"):format(i, 4 + i, i, 4 + i, value)
      end
      return second(table.concat(lines))
    end
    passes(unknown, reads(5, 5, 5))
    passes(unknown, reads(5, 5, 6))
    passes(unknown, reads(6, 6, 6))
    finds("linearizable", "returned 5", unknown, reads(5, 6, 5))
    finds("linearizable", "returned 6", unknown, second "query 1 2.5 OBJECT read\nok 1 2.7 - 6\n")
  end)

  it("treats an operation without an end as unknown", function()
    local open = first(WRITE .. "invoke 2 3.0 OBJECT write 6\n")
    for _, value in ipairs { 5, 6 } do
      passes(open, second("query 1 7.0 OBJECT read\nok 1 8.0 - " .. value .. "\n"))
    end
  end)

  it("never lets a failed operation take effect", function()
    local failed = first(WRITE .. "invoke 2 3.0 OBJECT write 6\nfailed 2 4.0 full\n")
    passes(failed, second "query 1 7.0 OBJECT read\nok 1 8.0 - 5\n")
    finds("linearizable", "returned 6", failed, second "query 1 7.0 OBJECT read\nok 1 8.0 - 6\n")
    finds("linearizable", "returned 6", failed, second "query 1 3.5 OBJECT read\nok 1 8.0 - 6\n")
  end)

  it("checks each object, key and group separately", function()
    local other = "query 1 3.0 %s read\nok 1 4.0 - -\n"
    for _, name in ipairs { "reg y", "reg -", "other x" } do
      passes(first(WRITE), second(other:format(name)))
    end
    passes(first(WRITE), (second(other:format "reg x"):gsub("group g", "group h")))
  end)
end)

describe("rule linearizable, of counters without an index,", function()
  local ADD = "invoke 1 1.0 OBJECT add 1\nok 1 2.0 - %s\n"

  it("is violated by a lost update", function()
    passes(first(ADD:format "1"), second "invoke 1 1.0 OBJECT add 1\nok 1 2.0 - 2\n")
    finds("linearizable", "returned 1", first(ADD:format "1"), second "invoke 1 1.0 OBJECT add 1\nok 1 2.0 - 1\n")
    finds("linearizable", "'get' on reg/x by 1:10 returned 1", second "invoke 1 1.0 OBJECT add 1\nok 1 2.0 - -\n",
      first(ADD:format "-" .. "query 2 3.0 OBJECT get\nok 2 4.0 - 1\n"))
  end)

  it("is violated by an addition that was applied twice", function()
    passes(first(ADD:format "1" .. "query 2 3.0 OBJECT get\nok 2 4.0 - 1\n"))
    finds("linearizable", "'get' on reg/x by 1:10 returned 2",
      first(ADD:format "1" .. "query 2 3.0 OBJECT get\nok 2 4.0 - 2\n"))
  end)

  it("counts unknown additions once or not at all", function()
    local unknown = first "invoke 1 1.0 OBJECT add 1\nunknown 1 2.0 timeout\ninvoke 2 3.0 OBJECT add 10\n"
    for _, sum in ipairs { 0, 1, 10, 11 } do
      passes(unknown, second(("query 1 3.5 OBJECT get\nok 1 4.0 - %d\n"):format(sum)))
    end
    for _, sum in ipairs { 2, 12, 20, "-" } do
      finds("linearizable", "returned " .. sum, unknown,
        second(("query 1 3.5 OBJECT get\nok 1 4.0 - %s\n"):format(sum)))
    end
    finds("linearizable", "returned 10", unknown, second "query 1 2.5 OBJECT get\nok 1 2.7 - 10\n")
  end)
end)

describe("rule linearizable, of operations with an index,", function()
  local ADD = "invoke 1 1.0 OBJECT any command\nok 1 2.0 7 -\n"

  it("accepts the order of time, and any order of those that overlap", function()
    passes(first(ADD), second "invoke 1 1.5 OBJECT any command\nok 1 3.0 6 -\n")
    passes(first(ADD), second "invoke 1 2.5 OBJECT any command\nok 1 3.0 10 -\n")
  end)

  it("is violated by one that began after the end of a later one", function()
    finds("linearizable", "'any command' on reg/x by a process that never joined has the index 6, but 'any command' "
      .. "on reg/x by 1:10 had ended before it began, with the index 7 %(first:5%)",
      first(ADD), second "invoke 1 2.5 OBJECT any command\nok 1 3.0 6 -\n")
  end)

  it("compares indices of any length, also between objects", function()
    local long = ADD:gsub("ok 1 2.0 7", "ok 1 2.0 9007199254740993")
    passes(first(long), second "invoke 1 2.5 other - push\nok 1 3.0 9007199254740994 -\n")
    finds("linearizable", "has the index 9007199254740992, but", first(long),
      second "invoke 1 2.5 other - push\nok 1 3.0 9007199254740992 -\n")
  end)

  it("is violated by an index of two changes", function()
    finds("linearizable", "has the index 7, which 'any command' on reg/x by 1:10 also has %(first:5%)",
      first(ADD), second "invoke 1 1.5 OBJECT any command\nok 1 3.0 7 -\n")
  end)

  it("lets reads share the index of the change that they saw", function()
    local reads = "query 1 %s OBJECT look\nok 1 %s %d %s\n"
    passes(first(ADD), second(reads:format("2.5", "3.0", 7, "a")))
    passes(first(ADD .. "query 2 2.5 OBJECT look\nok 2 3.0 7 a\n"), second(reads:format("2.5", "4.0", 7, "a")))
    finds("linearizable", "returned b at index 7, and 'look' on reg/x by 1:10 returned a there %(first:7%)",
      first(ADD .. "query 2 2.5 OBJECT look\nok 2 3.0 7 a\n"), second(reads:format("2.5", "4.0", 7, "b")))
  end)

  it("is violated by a stale read, and by a change at the index of an earlier read", function()
    finds("linearizable", "'look' on [^\n]* has the index 6, but 'any command' on", first(ADD),
      second "query 1 2.5 OBJECT look\nok 1 3.0 6 -\n")
    finds("linearizable", "'any command' on [^\n]* has the index 7, but 'look' on", first(ADD),
      second "query 1 0.2 OBJECT look\nok 1 0.5 7 -\n")
    finds("linearizable", "'look' on [^\n]* has the index 8, but 'look' on [^\n]* with the index 9",
      first "query 1 1.0 OBJECT look\nok 1 2.0 9 -\n", second "query 1 3.0 OBJECT look\nok 1 4.0 8 -\n")
  end)

  it("is violated by one without an index", function()
    finds("linearizable", "'any command' on reg/x by 1:10 ended without an index",
      first(ADD .. "invoke 2 3.0 OBJECT any command\nok 2 4.0 - -\n"))
    passes(first(ADD .. "invoke 2 3.0 OBJECT any command\nunknown 2 4.0 timeout\ninvoke 3 4.0 OBJECT any\n"))
  end)
end)

describe("rule linearizable, of registers with an index,", function()
  local function done(number, at, call, index, result)
    return ("%s %d %.1f OBJECT %s\nok %d %.1f %d %s\n"):format(call == "read" and "query" or "invoke", number, at, call,
      number, at + 0.5, index, result or "-")
  end

  it("is violated by a result that the operations before it do not explain", function()
    local writes = done(1, 1, "write 5", 7) .. done(2, 2, "add 2", 8, 7) .. done(3, 3, "cas 7 a", 9, "true")
    passes(first(writes .. done(4, 4, "read", 9, "a") .. done(5, 5, "write -", 10) .. done(6, 6, "add 0.5", 11, "0.5")))
    for _, wrong in ipairs { { "read", 9, "7" }, { "add 1", 10, "8" }, { "cas 7 b", 10, "true" },
      { "cas a b", 10, "false" } } do
      finds("linearizable", "no order of the operations on reg/x explains that '" .. wrong[1], first(writes),
        second(done(1, 4, wrong[1], wrong[2], wrong[3])))
    end
  end)

  it("decides by the index what takes effect first, however many overlap", function()
    local lines = { "invoke 100 0.9 OBJECT write 3\n" }
    for i = 1, 60 do lines[i + 1] = ("invoke %d 1.%02d OBJECT write %d\n"):format(i, i, i % 7) end
    for i = 1, 60 do lines[i + 61] = ("ok %d 2.%02d %d -\n"):format(i, i, 70 - i) end
    local all = table.concat(lines)
    passes(first(all), second(done(1, 3, "read", 69, 1)))
    passes(first(all), second(done(1, 3, "read", 69, 3)))
    finds("linearizable", "returned 4", first(all), second(done(1, 3, "read", 69, 4)))
  end)

  it("lets an unknown operation take effect once, after those that had ended before it", function()
    local unknown = done(1, 1, "write 5", 7) .. "invoke 2 2.0 OBJECT add 1\nunknown 2 2.5 uncertain\n"
    for _, value in ipairs { 5, 6 } do passes(first(unknown), second(done(1, 3, "read", 8, value))) end
    finds("linearizable", "returned 7", first(unknown), second(done(1, 3, "read", 8, 7)))
    finds("linearizable", "returned 6", first(done(1, 1, "write 5", 7) .. done(2, 2, "read", 7, 6)
      .. "invoke 3 3.0 OBJECT add 1\n"))
  end)

  it("allows any value, but one, after the state may have been lost", function()
    local before, after = done(1, 1, "write 5", 7), 2000000
    for _, value in ipairs { "-", "4" } do
      local read = done(2, 2, "read", after, value)
      passes(first(before .. read .. done(3, 3, "cas " .. value .. " 9", after + 1, "true")
        .. done(4, 4, "add 1", after + 2, "10")))
      finds("linearizable", "returned 8", first(before .. read .. done(3, 3, "add 1", after + 1, "8")))
    end
    passes(first(before .. done(2, 2, "add 1", after, "3") .. done(3, 3, "read", after, "3")))
    passes(first(before .. done(2, 2, "cas 3 4", after, "false") .. done(3, 3, "add 1", after + 1, "-")
      .. done(4, 4, "read", after + 1, "8")))
  end)

  it("checks the results of no other calls", function()
    passes(first(done(1, 1, "write 5", 7) .. done(2, 2, "write_ttl 6", 8) .. done(3, 3, "read", 9, "-")))
  end)
end)

describe("rule linearizable", function()
  it("ignores histories without operations and counts those of others", function()
    assert.equal(0, check(first "").figures.operations)
    assert.equal(2, check(first "invoke 1 1.0 OBJECT write 5\ninvoke 2 1.0 OBJECT write 6\n").figures.operations)
  end)

  it("is undecided for calls that it does not know, unless none of them was confirmed", function()
    for _, call in ipairs { "push 5", "write", "write 5 6", "add x", "add 9999999999999999" } do
      is_undecided("^undecided: '" .. call:gsub("%.", "%%.") .. "' on reg/x by 1:10 has no index, "
        .. "and is not an operation",
        first(("invoke 1 1.0 OBJECT %s\nok 1 2.0 - -\n"):format(call)))
      passes(first(("invoke 1 1.0 OBJECT %s\nunknown 1 2.0 timeout\n"):format(call)))
    end
    is_undecided("'get' on reg/x by 1:10 has no index", first "invoke 1 1.0 OBJECT write 5\nok 1 2.0 - -\n"
      .. "query 2 3.0 reg x get\nok 2 4.0 - 5\n")
  end)

  it("is undecided, not satisfied, when the search takes too long", function()
    local lines = {}
    for i = 1, 25 do
      lines[i] = ("invoke %d 1.0 OBJECT add %d\nunknown %d 2.0 timeout\n"):format(i, 2 ^ (i - 1) * 2, i)
    end
    is_undecided("^undecided: the search for an order of the operations on reg/x was given up after %d+ steps$",
      first(table.concat(lines)), second "query 1 3.0 OBJECT get\nok 1 4.0 - 7\n")
  end)
end)
