-- A plain value as a list of pieces, so that a large state is encoded, sent and restored in small parts.
--
-- A piece is an array of keys and values; OPEN as a value begins a table, CLOSE as a key ends it.
local plain = require "corosync.replica.machines.plain"

local flat = {}

local OPEN, CLOSE = { true }, false -- a table is never a value there; false is never a key
local ITEMS = 500 -- of a piece, and with long strings fewer:
local BYTES = 16384

local function size_of(value)
  return type(value) == "string" and #value or 0
end

-- Raises for an entry that cannot be sent: in the copy it would be missing or different.
local function check(key, item, open)
  local problem = plain.entry(key, item)
  if not problem and open[item] then
    problem = ("field %s is a table that contains itself"):format(tostring(key))
  end
  if problem then
    error(problem, 0)
  end
end

-- Returns a function that returns the next piece, or nil at the end. The value must not change meanwhile. The function
-- raises an error for a value that is not plain.
function flat.pieces(value)
  local tables, keys, open, items, bytes = { { value } }, {}, {}, nil, nil

  local function add(item)
    items[#items + 1] = item
    bytes = bytes + size_of(item)
  end

  local function step(depth)
    local key, item = next(tables[depth], keys[depth])
    local is_over = #items > 0 and bytes + size_of(key) + size_of(item) > BYTES
    if is_over then
      return false
    end
    keys[depth] = key
    if key == nil then
      open[tables[depth]] = nil
      tables[depth] = nil
      if depth > 1 then add(CLOSE) end
      return true
    end
    check(key, item, open)
    add(key)
    add(type(item) == "table" and OPEN or item)
    if type(item) == "table" then
      open[item] = true
      tables[depth + 1], keys[depth + 1] = item, nil
    end
    return true
  end

  return function()
    items, bytes = {}, 0
    repeat
      local goes_on = #tables > 0 and #items < ITEMS and step(#tables)
    until not goes_on
    return #items > 0 and items or nil
  end
end

-- Builds `copies` copies of the value from its pieces, each with tables of its own.
local Builder = {}
Builder.__index = Builder

function flat.builder(copies)
  local stacks = {}
  for i = 1, copies do
    stacks[i] = { {} }
  end
  return setmetatable({ stacks = stacks }, Builder)
end

local function put(stack, key, item)
  local top = stack[#stack]
  if key == CLOSE then
    stack[#stack] = nil
  elseif type(item) == "table" then
    top[key] = {}
    stack[#stack + 1] = top[key]
  else
    top[key] = item
  end
end

function Builder:add(piece)
  local i = 1
  while i <= #piece do
    local key = piece[i]
    for _, stack in ipairs(self.stacks) do
      put(stack, key, piece[i + 1])
    end
    i = i + (key == CLOSE and 1 or 2)
  end
end

-- Returns the copies.
function Builder:finish()
  local values = {}
  for i, stack in ipairs(self.stacks) do
    values[i] = stack[1][1]
  end
  return values
end

return flat
