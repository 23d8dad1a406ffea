-- Checks operations by their index: the place in their group's log, and so the order in which they took effect.
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

-- ---- lives: a replica that may have lost its state goes on with an index that is greater by more than JUMP ----

local JUMP = 2 ^ 17

--- Returns, by operation, the number of the state's life. `operations`: those of one group that have an index.
function index_order.lives(operations)
  local lives, life, last = {}, 1, nil
  for _, operation in ipairs(sorted(operations, function(one, other) return is_less(one.index, other.index) end)) do
    local index = tonumber(operation.index)
    life = last and index - last > JUMP and life + 1 or life
    lives[operation], last = life, index
  end
  return lives
end

local function takes_effect_before(one, other)
  if one.index ~= other.index then
    return is_less(one.index, other.index)
  end
  return not one.is_read and other.is_read == true
end

local function placed(operation, began, ended)
  return setmetatable({ began = began, ended = ended }, { __index = operation })
end

--- Returns the operations with times that say their order: those with an index as it says, and `unknown` ones from
-- after all that had ended before they began.
function index_order.timed(operations, unknown)
  local timed, ends, ended, place = {}, {}, 0, 0
  for i, operation in ipairs(sorted(operations, takes_effect_before)) do
    timed[i] = placed(operation, i, i)
    ends[i] = { place = i, ended = operation.ended }
  end
  table.sort(ends, function(one, other) return one.ended < other.ended end)
  for _, operation in ipairs(sorted(unknown, function(one, other) return one.began < other.began end)) do
    while ends[ended + 1] and ends[ended + 1].ended < operation.began do
      ended = ended + 1
      place = math.max(place, ends[ended].place)
    end
    timed[#timed + 1] = placed(operation, place + 0.5)
  end
  return timed
end

--- `operations` of one group, in the order of their histories, which all have an index.
function index_order.check(operations, hooks)
  check_shared(operations, hooks.on_shared)
  check_results(operations, hooks.on_different)
  check_time(operations, hooks.on_reversed)
end

return index_order
