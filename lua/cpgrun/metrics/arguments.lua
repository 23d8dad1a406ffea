-- Checks of the arguments of the global `metrics` and of its metrics. They raise.
local errors = require "corosync.errors"

local arguments = {}

local MOST_LABELS, MOST_BUCKETS = 10, 50

local RESERVED = { -- by pattern, as in messages
  ["^cpgrun_"] = "cpgrun_*", ["^process_"] = "process_*", ["_bucket$"] = "*_bucket", ["_sum$"] = "*_sum",
  ["_count$"] = "*_count",
}

function arguments.check_name(kind, name)
  if type(name) ~= "string" then
    errors.raise("bad argument #1 'name' to '%s' (string expected, got %s)", kind, type(name))
  elseif #name > 128 or not name:find "^[%a_][%w_]*$" then
    errors.raise("bad argument #1 'name' to '%s' (1 to 128 letters, digits and '_' expected, got %s)", kind,
      errors.quote(name))
  elseif kind == "counter" ~= (name:find "_total$" ~= nil) then
    errors.raise("bad argument #1 'name' to '%s' (only the names of counters end in '_total', got %s)", kind,
      errors.quote(name))
  end
  for pattern, shown in pairs(RESERVED) do
    if name:find(pattern) then
      errors.raise("bad argument #1 'name' to '%s' (names like '%s' are reserved, got %s)", kind, shown,
        errors.quote(name))
    end
  end
end

function arguments.check_help(kind, help)
  if type(help) ~= "string" then
    errors.raise("bad argument #2 'help' to '%s' (string expected, got %s)", kind, type(help))
  end
end

local function check_label(kind, name)
  if type(name) ~= "string" or not name:find "^%a[%w_]*$" or #name > 128 or name == "le" or name == "script" then
    errors.raise("bad argument #3 'labels' to '%s' (letters, digits and '_' expected, not 'le' or 'script', got %s)",
      kind, errors.quote(tostring(name)))
  end
end

-- Returns a copy of the names.
function arguments.labels(kind, labels)
  if labels ~= nil and type(labels) ~= "table" then
    errors.raise("bad argument #3 'labels' to '%s' (an array of names expected, got %s)", kind, type(labels))
  end
  local copy, seen = {}, {}
  for i, name in ipairs(labels or {}) do
    check_label(kind, name)
    if seen[name] then
      errors.raise("bad argument #3 'labels' to '%s' (label '%s' is repeated)", kind, name)
    end
    copy[i], seen[name] = name, true
  end
  if #copy > MOST_LABELS or labels and next(labels) ~= nil and #copy == 0 then
    errors.raise("bad argument #3 'labels' to '%s' (an array of at most %d names expected)", kind, MOST_LABELS)
  end
  return copy
end

-- Returns a copy of the bounds, or nil.
function arguments.buckets(buckets)
  if buckets == nil then
    return nil
  end
  local copy = {}
  for i, bound in ipairs(type(buckets) == "table" and buckets or {}) do
    if type(bound) ~= "number" or bound ~= bound or math.abs(bound) == math.huge or i > 1 and bound <= copy[i - 1] then
      errors.raise "bad argument #4 'buckets' to 'histogram' (finite numbers in ascending order expected)"
    end
    copy[i] = bound
  end
  if #copy == 0 or #copy > MOST_BUCKETS then
    errors.raise("bad argument #4 'buckets' to 'histogram' (an array of 1 to %d numbers expected)", MOST_BUCKETS)
  end
  return copy
end

-- The label values of a call: one for each label.
function arguments.check_values(each, call, values)
  if type(values) ~= "table" then
    errors.raise("bad argument #2 'labels' to '%s' of %s (table expected, got %s)", call, each.name, type(values))
  end
  for _, name in ipairs(each.labels) do
    local kind = type(values[name])
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      errors.raise("bad argument #2 'labels' to '%s' of %s (label '%s': string, number or boolean expected, got %s)",
        call, each.name, name, kind)
    end
  end
  for name in pairs(values) do
    if not each.has_label[name] then
      errors.raise("bad argument #2 'labels' to '%s' of %s (it has no label '%s')", call, each.name, tostring(name))
    end
  end
end

function arguments.check_number(call, value, least)
  if type(value) ~= "number" then
    errors.raise("bad argument #1 'value' to '%s' (number expected, got %s)", call, type(value))
  elseif not (value >= least and value < math.huge) then
    errors.raise("bad argument #1 'value' to '%s' (a finite number%s expected, got %g)", call,
      least == 0 and " of at least 0" or "", value)
  end
end

return arguments
