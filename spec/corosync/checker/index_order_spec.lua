-- Random histories of operations with an index, right ones and ones with one mutation.
local index_order = require "corosync.checker.index_order"

local random = math.random

-- Operations of clients, each of which calls one after another. The index of a change is its place in the log, that of
-- a read the place of the last change before it.
local function new_operations()
  local operations, index = {}, 1000
  for client = 1, random(2, 5) do
    local time = random()
    for _ = 1, random(4, 20) do
      local took = random() * 2
      operations[#operations + 1] = { began = time, at = time + random() * took, ended = time + took, object = "log",
        key = "-", call = "call of " .. client, is_read = random() < 0.4 }
      time = time + took + random()
    end
  end
  table.sort(operations, function(one, other) return one.at < other.at end)
  for _, operation in ipairs(operations) do
    index = index + (operation.is_read and 0 or random(3))
    operation.index, operation.result = ("%d"):format(index), ("state %d"):format(index)
  end
  return operations
end

-- The names of the hooks that were called.
local function found_in(operations)
  local found = {}
  index_order.check(operations, setmetatable({}, { __index = function(_, name)
    return function() found[name] = true end
  end }))
  return found
end

-- Two operations of which the second began after the first had ended, that `fit` accepts.
local function find_pair(operations, fit)
  for _, one in ipairs(operations) do
    for _, other in ipairs(operations) do
      if one.ended < other.began and fit(one, other) then
        return one, other
      end
    end
  end
end

local mutations = {}

function mutations.on_shared(operations)
  local one, other = find_pair(operations, function(one, other) return not one.is_read and not other.is_read end)
  if one then
    other.index = one.index
  end
  return one
end

function mutations.on_reversed(operations)
  local one, other = find_pair(operations, function(one, other) return tonumber(one.index) < tonumber(other.index) end)
  if one then
    one.index, other.index = other.index, one.index
  end
  return one
end

function mutations.on_different(operations)
  for _, one in ipairs(operations) do
    for _, other in ipairs(operations) do
      if one ~= other and one.is_read and other.is_read and one.index == other.index and one.call == other.call then
        other.result = "another state"
        return true
      end
    end
  end
end

describe("operations with an index", function()
  it("are accepted in the order of their log", function()
    math.randomseed(21)
    for _ = 1, 2000 do
      assert.same({}, found_in(new_operations()))
    end
  end)

  for hook, mutate in pairs(mutations) do
    it("are not accepted with one mutation, of which " .. hook .. " is called", function()
      math.randomseed(22)
      local count = 0
      while count < 300 do
        local operations = new_operations()
        if mutate(operations) then
          count = count + 1
          assert.is_true(found_in(operations)[hook])
        end
      end
    end)
  end
end)
