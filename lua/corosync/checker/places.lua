-- Sets of operations, given by their places: sorted arrays of numbers, which are copied instead of changed.
local places = {}

function places.with(numbers, number)
  local all, is_in = {}, false
  for _, other in ipairs(numbers) do
    if other > number and not is_in then
      all[#all + 1], is_in = number, true
    end
    all[#all + 1] = other
  end
  all[#all + 1] = not is_in and number or nil
  return all
end

function places.without_first(numbers)
  local all = {}
  for i = 2, #numbers do
    all[i - 1] = numbers[i]
  end
  return all
end

function places.has(numbers, number)
  for _, other in ipairs(numbers) do
    if other == number then
      return true
    end
  end
  return false
end

return places
