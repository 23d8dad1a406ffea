-- Checks and edits histories given as text, and expects violations of a rule.
local assert = require "luassert"
local checker = require "corosync.checker"

local checking = {}

function checking.check(...)
  local names, parsed = { "first", "second", "third", "fourth", "fifth" }, {}
  for i, text in ipairs { ... } do
    parsed[i] = assert(checker.parse(text, names[i]))
  end
  return checker.check(parsed)
end

-- No rule is violated. Returns the exceptions that were met.
function checking.passes(...)
  local report = checking.check(...)
  assert.same({}, report.violations)
  return report.exempted
end

-- The text with one line, or several, replaced.
function checking.changed(text, from, to)
  local at, ending = text:find(from, 1, true)
  assert(at, "no such lines: " .. from)
  return text:sub(1, at - 1) .. to .. text:sub(ending + 1)
end

-- Expects a violation of that rule with that message.
function checking.finds(rule, pattern, ...)
  local report = checking.check(...)
  assert.is_false(report.ok)
  local found = {}
  for i, violation in ipairs(report.violations) do
    found[i] = violation.rule .. ": " .. violation.text
  end
  assert.matches(("\n%s: [^\n]*%s"):format(rule, pattern), "\n" .. table.concat(found, "\n"))
end

return checking
