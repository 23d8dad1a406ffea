-- Measures the members of a replica (member.lua) or of a plain group (sender.lua) on all nodes.
local processes = require "bench.replica.processes"
local settings = require "bench.replica.settings"

local writers = {}

-- Returns the rate of all writers together (commands/s), and the first one's median latency (seconds).
function writers.measure(cluster, lua, program, load)
  local running, reports, rate, p50 = {}, 0, 0, nil
  local arguments = { processes.new_name(), settings.nodes, load.writers, settings.size, load.window }
  for node = 1, settings.nodes do
    running[node] = processes.start(cluster, node, lua, program, arguments, function(line)
      rate = rate + (tonumber(line:match "^rate (%S+)") or 0)
      local latency = tonumber(line:match "^latency (%S+)")
      reports = reports + (latency and 1 or 0)
      p50 = node == 1 and latency or p50
    end)
  end
  assert(cluster:wait_for(function() return reports == load.writers end, settings.limit, "the writers"))
  processes.end_all(running)
  return { rate = rate, p50 = p50 }
end

return writers
