local index_order = require "corosync.checker.index_order"
local linearization = require "corosync.checker.linearization"
local models = require "corosync.checker.models"

local linearizable = {
  name = "linearizable",
  guarantee = "The operations on an object take effect one after another, each between its start and its end.",
  messages = {
    no_index = "%s ended without an index, but other operations on that object have one",
    shared = "%s has the index %s, which %s also has (%s:%d)",
    different = "%s returned %s at index %s, and %s returned %s there (%s:%d)",
    reversed = "%s has the index %s, but %s had ended before it began, with the index %s (%s:%d)",
    impossible = "no order of the operations on %s explains that %s returned %s",
    no_model = "undecided: %s has no index, and is not an operation of a register or a counter",
    too_long = "undecided: the search for an order of the operations on %s was given up after %d steps",
  },
}

-- ---- names ----

local function object_name(operation)
  return operation.key == "-" and operation.object or operation.object .. "/" .. operation.key
end

local function describe(operation)
  return ("'%s' on %s by %s"):format(operation.call, object_name(operation),
    operation.member.address or "a process that never joined")
end

-- ---- by index ----

local function hooks_for(report)
  local function add(message, operation, ...)
    report:add(linearizable, message, operation.member, operation.end_line, describe(operation), ...)
  end
  local hooks = {}
  function hooks.on_shared(operation, other)
    add("shared", operation, operation.index, describe(other), other.member.history.name, other.end_line)
  end
  function hooks.on_different(operation, other)
    add("different", operation, operation.result, operation.index, describe(other), other.result,
      other.member.history.name, other.end_line)
  end
  function hooks.on_reversed(operation, other)
    add("reversed", operation, operation.index, describe(other), other.index, other.member.history.name,
      other.end_line)
  end
  return hooks
end

-- ---- by search ----

local function has(operations, is_wanted)
  for _, operation in ipairs(operations) do
    if is_wanted(operation) then
      return true
    end
  end
  return false
end

local function is_ok(operation)
  return operation.outcome == "ok"
end

local function search(report, model, operations)
  local verdict, detail = linearization.search(model, operations)
  local last = operations[#operations]
  if verdict == "impossible" then
    report:add(linearizable, "impossible", detail.member, detail.end_line, object_name(detail), describe(detail),
      detail.result)
  elseif verdict == "undecided" then
    report:add_undecided(linearizable, "too_long", last.member, last.line, object_name(last), detail)
  end
end

local function search_by_time(report, operations)
  if not has(operations, is_ok) then
    return
  end
  local model, stranger = models.of(operations)
  if not model then
    report:add_undecided(linearizable, "no_model", stranger.member, stranger.line, describe(stranger))
    return
  end
  search(report, model, operations)
end

-- ---- all operations ----

local function add_to(lists, name, operation)
  if not lists[name] then
    lists[name] = {}
    lists[#lists + 1] = lists[name]
  end
  table.insert(lists[name], operation)
end

-- Returns an array of arrays: the operations on each object, or each key, in the order of the histories.
local function split(operations, name_of)
  local lists = {}
  for _, operation in ipairs(operations) do
    add_to(lists, name_of(operation), operation)
  end
  return lists
end

local function has_index(operation)
  return operation.index ~= nil
end

-- Adds those with an index to `indexed`.
local function take_indexed(report, operations, indexed)
  for _, operation in ipairs(operations) do
    if operation.index then
      indexed[#indexed + 1] = operation
    elseif operation.outcome == "ok" then
      report:add(linearizable, "no_index", operation.member, operation.end_line, describe(operation))
    end
  end
end

local function is_unknown(operation)
  return operation.outcome == "unknown"
end

local function select_from(operations, is_wanted)
  local found = {}
  for _, operation in ipairs(operations) do
    found[#found + 1] = is_wanted(operation) and operation or nil
  end
  return found
end

-- Whether the results are those of the order that the indices say, from any state on.
local function check_results(report, operations, life_of)
  local model = models.of(operations)
  local indexed = model and select_from(operations, has_index) or {}
  for _, of_life in ipairs(split(indexed, function(operation) return "life " .. life_of[operation] end)) do
    search(report, setmetatable({ initial = models.ANY }, { __index = model }),
      index_order.timed(of_life, select_from(operations, is_unknown)))
  end
end

local function check_group(report, operations)
  local indexed, keys = {}, {}
  for _, of_object in ipairs(split(operations, function(operation) return operation.object end)) do
    local is_indexed = has(of_object, has_index)
    if is_indexed then
      take_indexed(report, of_object, indexed)
    end
    for _, of_key in ipairs(split(of_object, function(operation) return operation.key end)) do
      if is_indexed then
        keys[#keys + 1] = of_key
      else
        search_by_time(report, of_key)
      end
    end
  end
  index_order.check(indexed, hooks_for(report))
  local life_of = index_order.lives(indexed)
  for _, of_key in ipairs(keys) do
    check_results(report, of_key, life_of)
  end
end

function linearizable.check(trace, report)
  local groups = {}
  for _, member in ipairs(trace.members) do
    for _, operation in ipairs(member.operations) do
      add_to(groups, member.group, operation)
    end
  end
  for _, operations in ipairs(groups) do
    check_group(report, operations)
  end
end

return linearizable
