-- Two nodes of a lab with the application adapters_app.lua, for the specs of a file.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local adapters = {}

-- Starts them: the lab and the servers by node.
function adapters.start()
  local cluster, servers = assert(lab.start(2)), {}
  for node = 1, 2 do
    servers[node] = nginx.start(cluster, node, "adapters.conf")
  end
  for node = 1, 2 do
    servers[node]:says("'ipc': in use", 2)
    servers[node]:wait_for("both workers to be ready", function()
      return servers[node]:request("8090/is_ready") == "true"
    end)
  end
  return cluster, servers
end

function adapters.stop(cluster)
  nginx.clean()
  assert(cluster:stop())
end

return adapters
