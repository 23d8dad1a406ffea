-- What the specs of the judge share: histories as text are judged, changed, and a violation of a rule is found.
local assert = require "luassert"
local history = require "corosync.history"

local judging = {}

function judging.judge(...)
  local names, parsed = { "first", "second", "third", "fourth", "fifth" }, {}
  for i, text in ipairs { ... } do
    parsed[i] = assert(history.parse(text, names[i]))
  end
  return history.judge(parsed)
end

-- The text with one line, or several, replaced.
function judging.changed(text, from, to)
  local at, ending = text:find(from, 1, true)
  assert(at, "no such lines: " .. from)
  return text:sub(1, at - 1) .. to .. text:sub(ending + 1)
end

-- The judge finds a violation of that rule and says so.
function judging.finds(rule, pattern, ...)
  local report = judging.judge(...)
  assert.is_false(report.ok)
  local found = {}
  for i, violation in ipairs(report.violations) do
    found[i] = violation.rule .. ": " .. violation.text
  end
  assert.matches(("\n%s: [^\n]*%s"):format(rule, pattern), "\n" .. table.concat(found, "\n"))
end

return judging
