-- Helpers for arrays.
local list = {}

-- Appends the items to an array, and returns it.
function list.append(to, items)
  for _, item in ipairs(items) do
    to[#to + 1] = item
  end
  return to
end

function list.copy(items)
  return list.append({}, items)
end

-- A copy of the items from a place on.
function list.from(items, first)
  local to = {}
  for i = first, #items do
    to[#to + 1] = items[i]
  end
  return to
end

-- Returns a table with true for each item.
function list.set(items)
  local set = {}
  for _, item in ipairs(items) do
    set[item] = true
  end
  return set
end

return list
