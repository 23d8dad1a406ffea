-- Objects whose operations the search for a linearization understands. A model has:
--
-- - `initial`, the first state;
-- - `arguments`: by the name of a call, how many it has; `parse` returns the value of an argument of that call, or nil;
-- - `apply`: by the name of a call, a function of a state and the operation that returns the next state, or nil if the
--   operation cannot have returned its result there. An unknown operation has none;
-- - `is_pure`: whether an operation changes no state; `is_blind`: whether its effect does not depend on the state;
-- - `value_of`: the value that was written or read, if the operation does no more than that;
-- - `may_matter`: whether another operation may have noticed an unknown one.
local word = require "corosync.history.word"

local models = {}

--- The state of an object of which nothing is known.
models.ANY = "\0any"

local ANY = models.ANY

local DIGITS, LARGEST = 15, 2 ^ 53 -- longer or larger numbers are not exact in all Luas

local function is_ok(operation)
  return operation.outcome == "ok"
end

-- ---- a register: read; write VALUE; cas EXPECTED NEW, which returns whether it wrote; add NUMBER, which returns the
-- sum; nil counts as 0 ----

local register = { initial = "-", arguments = { read = 0, write = 1, cas = 2, add = 1 }, apply = {} }

function register.apply.read(state, operation)
  return (operation.result == state or state == ANY) and operation.result or nil
end

function register.apply.write(_, operation)
  return operation.arguments[1]
end

function register.apply.cas(state, operation)
  local expected, new = operation.arguments[1], operation.arguments[2]
  if not is_ok(operation) or operation.result == "true" then
    return (expected == state or state == ANY) and new or nil
  end
  return operation.result == "false" and expected ~= state and state or nil
end

-- A sum is a word, like a value that was written.
local function sum_of(state, by)
  local before = tonumber(state == "-" and 0 or state)
  return before and word.number(before + by) or nil
end

-- The state after an addition to an unknown one.
local function after_any(operation)
  return is_ok(operation) and operation.result ~= "-" and operation.result or ANY
end

function register.apply.add(state, operation)
  if state == ANY then
    return after_any(operation)
  end
  local sum = sum_of(state, tonumber(operation.arguments[1]))
  local is_right = not is_ok(operation) or operation.result == "-" or operation.result == sum
  return is_right and sum or nil
end

function register.parse(argument, name)
  local is_exact = name ~= "add" or math.abs(tonumber(argument) or math.huge) <= LARGEST
  return is_exact and argument or nil
end

function register.is_pure(operation)
  return operation.name == "read" or operation.name == "cas" and operation.result == "false"
end

function register.is_blind(operation)
  return operation.name == "write"
end

function register.value_of(operation)
  if operation.name == "read" then
    return operation.result
  end
  return operation.name == "write" and operation.arguments[1] or nil
end

-- A write whose value nobody has seen need not have taken effect. A cas that failed has seen that there was another.
function register.may_matter(operation, operations)
  if operation.name == "read" then
    return false
  end
  for _, other in ipairs(operations) do
    if other.name == "cas" or other.name == "add" or is_ok(other) and other.result == operation.arguments[1] then
      return true
    end
  end
  return false
end

-- ---- a counter of whole numbers: get; add NUMBER, which returns the sum or nothing ----

local counter = { initial = 0, arguments = { get = 0, add = 1 }, apply = {} }

function counter.apply.get(state, operation)
  return (tonumber(operation.result) == state or state == ANY) and tonumber(operation.result) or nil
end

function counter.apply.add(state, operation)
  if state == ANY then
    local after = after_any(operation)
    return tonumber(after) or after
  end
  local sum = state + operation.arguments[1]
  local is_right = not is_ok(operation) or operation.result == "-" or tonumber(operation.result) == sum
  return is_right and sum or nil
end

function counter.parse(argument)
  return #argument <= DIGITS and argument:find "^%-?%d+$" and tonumber(argument) or nil
end

function counter.is_pure(operation)
  return operation.name == "get"
end

function counter.is_blind()
  return false
end

function counter.value_of()
  return nil
end

function counter.may_matter(operation)
  return operation.name ~= "get"
end

local ALL = { counter, register }

-- Sets the name and the arguments. Returns whether the model has such calls.
local function understand(model, operation)
  local count, name = 0, nil
  operation.arguments = {}
  for argument in operation.call:gmatch "%S+" do
    if name then
      count = count + 1
      operation.arguments[count] = model.parse(argument, name)
    end
    name = name or argument
  end
  operation.name = name
  return count == model.arguments[name] and #operation.arguments == count
end

local function has_unknown(model, operations)
  for _, operation in ipairs(operations) do
    if not understand(model, operation) then
      return operation
    end
  end
end

--- Returns the model of an object with these operations, whose `name` and `arguments` it sets; or nil, and an operation
-- that has none.
function models.of(operations)
  local stranger
  for _, model in ipairs(ALL) do
    local unknown = has_unknown(model, operations)
    if not unknown then
      return model
    elseif model.arguments[operations[1].call:match "%S+"] then
      stranger = unknown
    end
  end
  return nil, stranger or operations[1]
end

return models
