-- Compares the search with all orders that there are, and gives it random histories of simulated objects.
local linearization = require "corosync.checker.linearization"
local models = require "corosync.checker.models"

local random = math.random

local function any(items) return items[random(#items)] end

local function text_of(operations)
  local lines = {}
  for i, operation in ipairs(operations) do
    lines[i] = ("%g-%g %s: %s %s"):format(operation.began, operation.ended, operation.call, operation.outcome,
      tostring(operation.result))
  end
  return table.concat(lines, "\n")
end

local function verdict_of(operations) return linearization.search(assert(models.of(operations)), operations) end

-- ---- all orders ----

-- Whether an operation is the next one in some order: none that is left ended before it began.
local function is_minimal(operations, taken, operation)
  for other in pairs(operations) do
    if not taken[other] and other.outcome == "ok" and other.ended < operation.began then
      return false
    end
  end
  return true
end

local function has_order(model, operations, taken, state)
  local are_all = true
  for operation in pairs(operations) do
    if not taken[operation] and operation.outcome ~= "failed" then
      are_all = are_all and operation.outcome ~= "ok"
      local next_state = is_minimal(operations, taken, operation) and model.apply[operation.name](state, operation)
      if next_state then
        taken[operation] = true
        if has_order(model, operations, taken, next_state) then
          return true
        end
        taken[operation] = nil
      end
    end
  end
  return are_all
end

local CALLS = {
  { "read", "write 1", "write 2", "cas 1 2", "cas 2 1", "cas - 1" },
  { "read", "read", "write 1", "write 2", "write 3" },
  { "get", "add 1", "add 2", "add -1" },
}
local RESULTS = {
  read = { "-", "1", "2", "3" }, write = { "-" }, cas = { "true", "false" }, get = { "0", "1", "2", "3" },
  add = { "-", "1", "2", "3" },
}

local function random_operations()
  local operations, calls = {}, any(CALLS)
  for i = 1, random(1, 7) do
    local began, call, outcome = random(0, 9), any(calls), any { "ok", "ok", "ok", "ok", "unknown", "failed" }
    local is_ok = outcome == "ok"
    operations[i] = { call = call, began = began, ended = is_ok and began + random(0, 6) or math.huge,
      outcome = outcome, result = is_ok and any(RESULTS[call:match "%a+"]) or nil }
  end
  return operations
end

describe("the search for a linearization", function()
  it("finds one exactly when one exists among all orders", function()
    math.randomseed(11)
    local count = { ok = 0, impossible = 0 }
    for _ = 1, 20000 do
      local operations, set = random_operations(), {}
      local verdict = verdict_of(operations)
      for _, operation in ipairs(operations) do
        set[operation] = true
      end
      local model = models.of(operations)
      assert.equal(has_order(model, set, {}, model.initial) and "ok" or "impossible", verdict, text_of(operations))
      count[verdict] = count[verdict] + 1
    end
    assert.is_true(count.ok > 4000 and count.impossible > 4000, count.ok .. " ok of 20000")
  end)
end)

-- ---- simulated objects ----

local simulated = { register = {}, counter = {} }

-- Values that are written are never repeated.
function simulated.register.call(fresh)
  return any { "read", "read", "write " .. fresh, ("cas %d %d"):format(random(fresh), fresh) }
end

function simulated.register.apply(state, call)
  local name, first, second = call:match "^(%a+) ?(%S*) ?(%S*)$"
  if name == "read" then
    return state, state
  elseif name == "write" then
    return first, "-"
  end
  return first == state and second or state, tostring(first == state)
end

function simulated.counter.call() return any { "get", "add 1", "add 2", "add 3" } end

function simulated.counter.apply(state, call)
  local sum = state + (tonumber(call:match "%d+$") or 0)
  return sum, ("%d"):format(sum)
end

simulated.register.initial, simulated.counter.initial = "-", 0

-- Each client calls one operation after another; each takes effect at some moment while it runs. That of an unknown one
-- may come later, or never.
local function run(object)
  local operations = {}
  for _ = 1, random(2, 6) do
    local time = random()
    for _ = 1, random(5, 30) do
      local took, outcome = random() * 2, random() < 0.9 and "ok" or any { "unknown", "failed" }
      local operation = { began = time, ended = time + took, outcome = outcome, at = time + random() * took,
        call = object.call(#operations + 1) }
      if outcome ~= "ok" then
        operation.at = outcome == "unknown" and random() < 0.6 and time + random() * 20 or nil
        operation.ended = math.huge
      end
      operations[#operations + 1] = operation
      time = time + took + random()
    end
  end
  return operations
end

local function apply_all(object, operations)
  local order, state = {}, object.initial
  for _, operation in ipairs(operations) do
    order[#order + 1] = operation.at and operation
  end
  table.sort(order, function(one, other) return one.at < other.at end)
  for _, operation in ipairs(order) do
    local result
    state, result = object.apply(state, operation.call)
    operation.result = operation.outcome == "ok" and result or nil
  end
end

local function is_ok(operation, name) return operation.outcome == "ok" and operation.call:find("^" .. name) ~= nil end

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

-- ---- mutations: each returns whether it has made the history wrong ----

local mutations = { register = {}, counter = {} }

-- A read returns a value although a later one had been read before.
function mutations.register.stale_read(operations)
  local old, new = find_pair(operations, function(one, other)
    return is_ok(one, "write") and is_ok(other, "write")
  end)
  local _, read = find_pair(operations, function(one, other) return one == new and is_ok(other, "read") end)
  if read then
    read.result = old.call:match "%d+"
  end
  return read ~= nil
end

function mutations.register.read_of_the_future(operations)
  local read, write = find_pair(operations, function(one, other)
    return is_ok(one, "read") and other.call:find "^write" ~= nil
  end)
  if read then
    read.result = write.call:match "%d+"
  end
  return read ~= nil
end

-- The value of an operation that is said to have failed was read.
function mutations.register.failed_took_effect(operations)
  for _, write in ipairs(operations) do
    local value = write.call:match "^write (%d+)"
    for _, read in ipairs(operations) do
      if value and is_ok(read, "read") and read.result == value then
        write.outcome, write.ended = "failed", math.huge
        return true
      end
    end
  end
  return false
end

-- Additions are positive, so each sum belongs to one addition.
local function sum_of_another(operations)
  local one, other = find_pair(operations, function(one, other) return is_ok(one, "add") and is_ok(other, "add") end)
  if one then
    return one, other
  end
end

function mutations.counter.lost_update(operations)
  local one, other = sum_of_another(operations)
  if one then
    other.result = one.result
  end
  return one ~= nil
end

function mutations.counter.swapped_order(operations)
  local one, other = sum_of_another(operations)
  if one then
    one.result, other.result = other.result, one.result
  end
  return one ~= nil
end

function mutations.counter.stale_get(operations)
  local add, get = find_pair(operations, function(one, other) return is_ok(one, "add") and is_ok(other, "get") end)
  if add then
    get.result = ("%d"):format(add.result - 1)
  end
  return add ~= nil
end

-- One addition more than all that were ever called.
function mutations.counter.double_apply(operations)
  local last, sum = nil, 0
  for _, operation in ipairs(operations) do
    sum = sum + (tonumber(operation.call:match "^add (%d+)") or 0)
    last = is_ok(operation, "get") and operation or last
  end
  if last then
    last.result = ("%d"):format(sum + 1)
  end
  return last ~= nil
end

local function new_history(name)
  local operations = run(simulated[name])
  apply_all(simulated[name], operations)
  return operations
end

for _, name in ipairs { "register", "counter" } do
  describe("histories of a simulated " .. name, function()
    it("are found to be right", function()
      math.randomseed(12)
      for _ = 1, 2000 do
        local operations = new_history(name)
        assert.equal("ok", verdict_of(operations), text_of(operations))
      end
    end)

    for mutation, mutate in pairs(mutations[name]) do
      it("are found to be wrong with one mutation: " .. mutation, function()
        math.randomseed(13)
        local count, undecided = 0, 0
        while count < 200 do
          local operations = new_history(name)
          if mutate(operations) then
            local verdict = verdict_of(operations)
            count, undecided = count + 1, undecided + (verdict == "undecided" and 1 or 0)
            assert.not_equal("ok", verdict, text_of(operations))
          end
        end
        assert.equal(0, undecided)
      end)
    end
  end)
end
