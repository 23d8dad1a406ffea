-- Copies fields of objects to plain tables and back, for snapshots.
local fields = {}

function fields.copy(from)
  local to = {}
  for key, value in pairs(from) do
    to[key] = value
  end
  return to
end

-- Copies fields from one table to another, those in `tables` by their contents. Returns the other table.
function fields.take(from, to, values, tables)
  for _, name in ipairs(values) do
    to[name] = from[name]
  end
  for _, name in ipairs(tables) do
    to[name] = fields.copy(from[name])
  end
  return to
end

return fields
