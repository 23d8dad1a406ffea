-- Runs code that may call the script's functions. Commands that these functions submit are sent when they have
-- returned.
local script_calls = require "corosync.script_calls"

local running = {}

-- Without script_calls.unwrap, because this runs for each command.
local function finish(self, ok, ...)
  self.runner = nil
  if not ok then
    error((...), 0)
  end
  return ...
end

function running.run(self, f, ...)
  self.runner = coroutine.running() or "main"
  return finish(self, script_calls.pcall(f, self, ...))
end

-- Whether such code is running in this coroutine.
function running.runs_in(self, routine)
  return self.runner ~= nil and self.runner == routine
end

return running
