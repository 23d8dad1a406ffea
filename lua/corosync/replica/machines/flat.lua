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

local function add(walk, item)
  walk.items[#walk.items + 1] = item
  walk.bytes = walk.bytes + size_of(item)
end

local function enter(walk, item)
  local depth = #walk.tables + 1
  walk.tables[depth], walk.keys[depth], walk.open[item] = item, nil, true
end

local function leave(walk)
  local depth = #walk.tables
  walk.open[walk.tables[depth]] = nil
  walk.tables[depth] = nil
  if depth > 1 then
    add(walk, CLOSE)
  end
end

-- Adds the next entry of the innermost table, or ends the table. Returns false if the piece has no room for the entry.
local function step(walk)
  local depth = #walk.tables
  local key, item = next(walk.tables[depth], walk.keys[depth])
  if #walk.items > 0 and walk.bytes + size_of(key) + size_of(item) > BYTES then
    return false
  end
  walk.keys[depth] = key
  if key == nil then
    leave(walk)
    return true
  end
  check(key, item, walk.open)
  add(walk, key)
  add(walk, type(item) == "table" and OPEN or item)
  if type(item) == "table" then
    enter(walk, item)
  end
  return true
end

-- Returns a function that returns the next piece, or nil at the end. The value must not change meanwhile. The function
-- raises an error for a value that is not plain.
function flat.pieces(value)
  -- The tables on the way to the present entry, outermost first, with the present key of each; and as a set.
  local walk = { tables = { { value } }, keys = {}, open = {} }
  return function()
    walk.items, walk.bytes = {}, 0
    repeat
      local goes_on = #walk.tables > 0 and #walk.items < ITEMS and step(walk)
    until not goes_on
    return #walk.items > 0 and walk.items or nil
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
