-- What the methods of a cluster check first: their nodes, and that the lab runs.
local argcheck = require "corosync.lab.argcheck"

local checks = {}

function checks.node(cluster, node, method)
  argcheck.check(argcheck.is_whole(node, 1, cluster.nodes), "node", method,
    ("expected 1 to %d, got %s"):format(cluster.nodes, type(node) == "number" and node or "a " .. type(node)))
end

function checks.nodes(cluster, list, name, method)
  argcheck.check(type(list) == "table" and #list > 0, name, method, "expected an array of nodes, such as {1}")
  for _, node in ipairs(list) do
    argcheck.check(argcheck.is_whole(node, 1, cluster.nodes), name, method,
      ("%s is not a node: the nodes are 1 to %d"):format(tostring(node), cluster.nodes))
  end
end

-- What a method of a stopped lab returns.
function checks.stopped(method)
  return nil, method .. ": the lab was stopped", "stopped"
end

return checks
