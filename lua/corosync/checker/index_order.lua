-- Checks operations by their index, their place in the log of their group: it is the order in which they took effect.
-- A read has the index of the last change that it saw. Hooks are called with pairs of operations that contradict.
local index_order = {}

-- Lua 5.1 has no numbers for all of them. They have no leading zeros.
local function is_less(one, other)
  if #one ~= #other then
    return #one < #other
  end
  return one < other
end

local function sorted(operations, is_before)
  local all = {}
  for i, operation in ipairs(operations) do
    all[i] = operation
  end
  table.sort(all, is_before)
  return all
end

-- Two changes never share an index.
local function check_shared(operations, on_shared)
  local first = {}
  for _, operation in ipairs(operations) do
    local other = first[operation.index]
    if not operation.is_read then
      first[operation.index] = other or operation
      if other then
        on_shared(operation, other)
      end
    end
  end
end

-- The same read at the same index has the same result everywhere.
local function check_results(operations, on_different)
  local first = {}
  for _, operation in ipairs(operations) do
    if operation.is_read then
      local read = table.concat({ operation.index, operation.object, operation.key, operation.call }, " ")
      first[read] = first[read] or operation
      if first[read].result ~= operation.result then
        on_different(operation, first[read])
      end
    end
  end
end

local function can_follow(operation, other)
  return is_less(other.index, operation.index) or operation.is_read and operation.index == other.index
end

-- Of those that ended before an operation began it is enough to look at the one with the highest index.
local function check_time(operations, on_reversed)
  local ends = sorted(operations, function(one, other) return one.ended < other.ended end)
  local ended, highest = 0, nil
  for _, operation in ipairs(sorted(operations, function(one, other) return one.began < other.began end)) do
    while ends[ended + 1] and ends[ended + 1].ended < operation.began do
      ended = ended + 1
      highest = (not highest or is_less(highest.index, ends[ended].index)) and ends[ended] or highest
    end
    if highest and not can_follow(operation, highest) then
      on_reversed(operation, highest)
    end
  end
end

--- `operations` of one group, in the order of their histories, which all have an index.
function index_order.check(operations, hooks)
  check_shared(operations, hooks.on_shared)
  check_results(operations, hooks.on_different)
  check_time(operations, hooks.on_reversed)
end

return index_order
