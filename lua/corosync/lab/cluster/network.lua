-- The methods of a cluster that disturb its network.

--- @module corosync.lab

local argcheck = require "corosync.lab.argcheck"
local checks = require "corosync.lab.cluster.checks"

--- @type Cluster
local Cluster = {}

--- Splits the network. The links stay up.
-- @tparam integer[] ... the groups: arrays of nodes. The nodes that are not named form one more group.
-- @treturn boolean true
-- @error nil, message, code: "network"
function Cluster:partition(...)
  local groups, bridge_of = { ... }, {}
  argcheck.check(#groups > 0, "groups", "partition", "expected at least one array of nodes")
  for number, group in ipairs(groups) do
    checks.nodes(self, group, ("group %d"):format(number), "partition")
    for _, node in ipairs(group) do
      argcheck.check(not bridge_of[node], ("group %d"):format(number), "partition",
        ("node %d is named twice"):format(node))
      bridge_of[node] = number
    end
  end
  if self.is_stopped then
    return checks.stopped("partition")
  end
  for node = 1, self.nodes do
    bridge_of[node] = bridge_of[node] or #groups + 1
  end
  return self.namespaces:connect(bridge_of)
end

--- Reconnects the whole network.
-- @treturn boolean true
-- @error nil, message, code: "network"
function Cluster:heal()
  if self.is_stopped then
    return checks.stopped("heal")
  end
  local bridge_of = {}
  for node = 1, self.nodes do
    bridge_of[node] = 0
  end
  return self.namespaces:connect(bridge_of)
end

--- Disturbs a node's traffic in both directions by a queueing discipline of the kernel, or removes the discipline. The
-- link stays up and connected: partitions and disturbances are independent.
-- @tparam integer node
-- @tparam[opt] string discipline a root discipline for [tc](https://man7.org/linux/man-pages/man8/tc.8.html): "netem
--   loss 5% delay 20ms", if the kernel has netem, or "tbf rate 5mbit burst 10kb latency 50ms" for a slow link, which
--   drops packets that would wait longer. Without it, the present one is removed.
-- @treturn boolean true
-- @error nil, message, code: "network" (with tc's message)
function Cluster:disturb(node, discipline)
  checks.node(self, node, "disturb")
  argcheck.check(discipline == nil or type(discipline) == "string" and discipline:find "^[^\n]*%S[^\n]*$",
    "discipline", "disturb", "expected one line for tc")
  if self.is_stopped then
    return checks.stopped("disturb")
  end
  return self.namespaces:queue(node, discipline or "noqueue")
end

return Cluster
