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

-- Returns the items of the first list that are not in the second.
function sets.difference(one, other)
  local has, found = {}, {}
  for _, item in ipairs(other) do
    has[item] = true
  end
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
