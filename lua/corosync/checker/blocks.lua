-- Blocks of operations on a register: a write and all reads of its value. If each value is written once, and all
-- operations are reads and writes, any order of them consists of blocks. A whole block may go before any write that
-- overlaps all its operations, because nothing else notices it. So the search has fewer orders to try.
local list = require "corosync.list"

local blocks = {}

-- By value: how many writes there are of it; empty if there are other operations than reads and writes.
local function count_writes(model, operations)
  local counts = {}
  for _, operation in ipairs(operations) do
    local value = model.value_of(operation)
    if not value then
      return {}
    elseif model.is_blind(operation) then
      counts[value] = (counts[value] or 0) + 1
    end
  end
  counts[model.initial] = nil
  return counts
end

--- Gives each such write its `block`: when all of its operations have begun, and the places of those that end, and the
-- first of these. `ends` are confirmed operations by place, `unknown` others that may matter.
function blocks.find(model, ends, unknown)
  local all = list.append(list.copy(ends), unknown)
  local counts, by_value = count_writes(model, all), {}
  for _, operation in ipairs(all) do
    local value = model.value_of(operation)
    if model.is_blind(operation) and counts[value] == 1 then
      operation.block = { began = operation.began, first = math.huge, places = {} }
      by_value[value] = operation.block
    end
  end
  for place, operation in ipairs(ends) do
    local block = by_value[model.value_of(operation) or false]
    if block then
      block.began, block.first = math.max(block.began, operation.began), math.min(block.first, place)
      table.insert(block.places, place)
    end
  end
end

return blocks
