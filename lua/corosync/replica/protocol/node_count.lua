-- The nodes of members, and how many nodes are needed.
local node_count = {}

function node_count.node_of(address)
  return address:match "^(%d+):"
end

function node_count.majority(count)
  return math.floor(count / 2) + 1
end

-- Returns how many nodes must have a command before it is confirmed. `copies`: the wanted number, if fewer than a
-- majority.
function node_count.needed(count, copies)
  return math.min(copies or count, node_count.majority(count))
end

-- Returns the greater of two values of `copies`; nil, a majority, is the greatest.
function node_count.more_copies(one, other)
  return one and other and math.max(one, other)
end

return node_count
