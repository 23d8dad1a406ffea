-- Collects violations of rules, and how often known faults of Corosync were met.
local report = {}
report.__index = report

local MOST = 100 -- violations: more tell nothing more

function report.new()
  return setmetatable({ violations = {}, undecided = {}, exempted = {} }, report)
end

local function insert(to, rule, message, where, line, ...)
  if #to < MOST then
    table.insert(to, { rule = rule.name, text = rule.messages[message]:format(...), history = where.history.name,
      line = line })
  end
end

--- Adds a violation: `message` names one of the rule's messages, whose fields follow; `where` is a member or a session,
-- whose history has it at that line (0: all of it).
function report:add(rule, message, where, line, ...)
  insert(self.violations, rule, message, where, line, ...)
end

--- The same for what the rule can neither accept nor call a violation.
function report:add_undecided(rule, message, where, line, ...)
  insert(self.undecided, rule, message, where, line, ...)
end

--- The same for a delivery: the message's first fields are the member, the digest and the sender.
function report:add_delivery(rule, message, session, delivery, ...)
  self:add(rule, message, session, delivery.line, session.address, delivery.digest, delivery.sender, ...)
end

--- Counts a known fault of Corosync (docs/testing.md).
function report:exempt(name)
  self.exempted[name] = (self.exempted[name] or 0) + 1
end

return report
