-- A fault that is planned for the time between two effects of a process. A world has at most one.
local planned_fault = {} -- methods of World

-- After `effects` more effects of processes, calls `happen(host)` before the next one. With `kind`, waits for an effect
-- of a process whose last message was of this kind.
function planned_fault:plan_fault(effects, happen, kind)
  self.planned_fault = { left = effects, happen = happen, kind = kind }
end

-- Called before each effect of a process. Returns whether the process has died.
function planned_fault:dies_before_effect(host)
  local planned = self.planned_fault
  if planned and planned.left == 0 and (not planned.kind or planned.kind == host.last_sent) then
    self.planned_fault = nil
    planned.happen(host)
  elseif planned and planned.left > 0 then
    planned.left = planned.left - 1
  end
  return not host.process.alive
end

return planned_fault
