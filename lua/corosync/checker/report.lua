-- Collects violations of rules, and how often known faults of Corosync were met.
local report = {}
report.__index = report

local MOST = 100 -- violations: more tell nothing more

function report.new()
  return setmetatable({ violations = {}, exempted = {} }, report)
end

--- Adds a violation: `message` names one of the rule's messages, whose fields follow; `where` is a member or a session,
-- whose history has it at that line (0: all of it).
function report:add(rule, message, where, line, ...)
  if #self.violations < MOST then
    table.insert(self.violations, { rule = rule.name, text = rule.messages[message]:format(...),
      history = where.history.name, line = line })
  end
end

--- Counts a known fault of Corosync (docs/testing.md).
function report:exempt(name)
  self.exempted[name] = (self.exempted[name] or 0) + 1
end

return report
