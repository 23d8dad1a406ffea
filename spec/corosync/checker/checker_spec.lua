local checker = require "corosync.checker"
local checking = require "spec.helpers.checker"
local histories = require "spec.helpers.histories"
local history = require "corosync.history"

describe("checker.check", function()
  it("finds no violations in correct histories and counts their events", function()
    local report = checking.check(histories.FIRST, histories.SECOND)
    assert.same({}, report.violations)
    assert.is_true(report.ok)
    assert.same({ histories = 2, lives = 2, configurations = 15, messages = 7, deliveries = 11, operations = 0,
      claims = 0 }, report.figures)
  end)

  it("finds no violations in correct operations and counts them", function()
    local report = checking.check(histories.OPERATIONS)
    assert.same({ {}, {}, 9 }, { report.violations, report.undecided, report.figures.operations })
    assert.is_true(report.ok)
  end)

  it("reports the history and line of a violation", function()
    local report = checking.check(histories.FIRST:gsub("message 2:20 1:1a", "message 2:20 1:ff"), histories.SECOND)
    local found = report.violations[1]
    assert.same({ "integrity", "first", 10 }, { found.rule, found.history, found.line })
  end)

  it("reads files, and fails with a code for unreadable or invalid ones", function()
    assert.same({ n = 3, nil, "no history to check: the list of files is empty", "not_exist" },
      { n = 3, checker.check_files {} })
    assert.equal("unreadable", (select(3, checker.check_files { "/nonexistent" })))
    local report, message, code = checker.check_files { "/tmp" }
    assert.same({ nil, "unreadable" }, { report, code })
    assert.matches("^/tmp: ", message)
    local path = os.tmpname()
    for text, wanted in pairs { ["group g\n"] = true, ["nonsense\n"] = "invalid" } do
      local file = assert(io.open(path, "w"))
      file:write(text)
      file:close()
      report, message, code = checker.check_files { path }
      assert.equal(wanted, report and report.ok or code, message)
    end
    os.remove(path)
  end)

  it("raises for an empty list of histories", function()
    for _, none in ipairs { {}, "history" } do
      assert.has_error(function() checker.check(none) end,
        "bad argument #1 to 'check' (histories: a table with one or more expected)")
      assert.has_error(function() history.judge(none) end,
        "bad argument #1 to 'judge' (histories: a table with one or more expected)")
    end
  end)

  it("is called by corosync.history", function()
    local parsed = assert(history.parse(histories.FIRST, "first"))
    assert.same(checking.check(histories.FIRST), history.judge { parsed })
    assert.equal(checker.check_files, history.check)
  end)
end)
