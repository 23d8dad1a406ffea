-- Tells the checks when confirmed commands may be lost, as when a majority of nodes loses all that it knows at once.
local losses = {}

-- Whether a process of the node may claim as if the node had never had a state.
local function seems_new(self, id)
  local node = self.world.nodes[id]
  if node.noted then
    return false
  end
  local disk = node.disk
  local has_state = disk ~= nil and not disk.user and disk:has_state()
  for _, each in ipairs(self:living()) do
    if each.process.node == id and not each.replica.observer then
      has_state = each.replica.generation ~= nil
      if not has_state then
        break
      end
    end
  end
  return not has_state
end

-- If nodes that seem new are a majority by the longest of their nodelists, they begin with the initial state, and
-- confirmed commands are lost.
function losses.check(self)
  local nodes, new = self.world.nodes, {}
  for id in ipairs(nodes) do
    new[id] = seems_new(self, id)
  end
  for _, longest in ipairs(nodes) do
    local count = 0
    for id, node in ipairs(nodes) do
      count = count + (new[id] and node.listed <= longest.listed and 1 or 0)
    end
    if 2 * count > longest.listed then
      return self.checks:lost()
    end
  end
end

return losses
