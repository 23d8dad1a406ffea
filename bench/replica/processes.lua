-- Programs on the nodes of a lab.
local settings = require "bench.replica.settings"

local processes = {}

-- Calls `take` with each line of the output.
function processes.start(cluster, node, lua, program, arguments, take)
  local environment = { NODE = tostring(node), STORAGE = settings.storage }
  for name, value in pairs(lua.environment) do
    environment[name] = value
  end
  local argv = { lua.command, "bench/replica/" .. program }
  for _, argument in ipairs(arguments) do
    argv[#argv + 1] = tostring(argument)
  end
  return assert(cluster:run(node, argv, { env = environment, output = function(line, stream)
    if stream == "err" then
      io.stderr:write(("node %d: %s\n"):format(node, line))
    end
    take(line)
  end }))
end

function processes.end_all(running)
  for _, process in ipairs(running) do
    process:kill "sigkill"
  end
  for _, process in ipairs(running) do
    assert(process:wait(settings.limit))
  end
end

local names = 0

-- Returns a name that no earlier replica or group had.
function processes.new_name()
  names = names + 1
  return "bench" .. names
end

return processes
