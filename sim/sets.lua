-- Lists and sets in a fixed order, so that a seed repeats a run.
local sets = {}

function sets.sorted_keys(set)
  local keys = {}
  for key in pairs(set) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- Returns the set of a list's items.
function sets.of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end

-- Returns the keys of the first set that are not in the second, as a set.
function sets.without(one, other)
  local rest = {}
  for key in pairs(one) do
    rest[key] = not other[key] or nil
  end
  return rest
end

-- Returns the items of the first list that are not in the second.
function sets.difference(one, other)
  local has, found = sets.of(other), {}
  for _, item in ipairs(one) do
    if not has[item] then
      found[#found + 1] = item
    end
  end
  return found
end

function sets.union(one, other)
  local all = {}
  for _, list in ipairs { one, sets.difference(other, one) } do
    for _, item in ipairs(list) do
      all[#all + 1] = item
    end
  end
  table.sort(all)
  return all
end

return sets
