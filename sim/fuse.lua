-- One fault that is planned for the time between two effects of a process.
local fuse = {} -- methods of World

-- After `effects` more effects of processes, calls `blow(host)` before the next one. With `kind`, waits for an effect
-- of a process whose last message was of this kind.
function fuse:light(effects, blow, kind)
  self.fuse = { left = effects, blow = blow, kind = kind }
end

-- Called before each effect of a process. Returns whether the process has died.
function fuse:burn(host)
  local lit = self.fuse
  if lit and lit.left == 0 and (not lit.kind or lit.kind == host.last_sent) then
    self.fuse = nil
    lit.blow(host)
  elseif lit and lit.left > 0 then
    lit.left = lit.left - 1
  end
  return not host.process.alive
end

return fuse
