-- The metrics of a script by their names. A new version of the script has the same ones.
local errors = require "corosync.errors"
local family = require "cpgrun.metrics.family"
local log = require "cpgrun.log"

local registry = {}

local MOST_FAMILIES = 500

local families, count = {}, 0 -- by name
local earlier -- of the version that is being replaced

local function same(one, other)
  return table.concat(one or {}, " ") == table.concat(other or {}, " ")
end

local function is_same(present, made)
  return present.kind == made.kind and same(present.labels, made.labels) and same(present.buckets, made.buckets)
end

local function overflown(each, most)
  log.error("metric %s has %d different sets of label values, and further ones are not counted: use labels with fewer "
    .. "values", each.name, most)
end

local function add(made)
  if count >= MOST_FAMILIES then
    errors.raise("there are %d metrics already: use one metric with labels instead of several metrics", MOST_FAMILIES)
  end
  local kept = earlier and earlier[made.name]
  local each = kept and is_same(kept, made) and kept or made
  each.help = made.help
  families[made.name], count = each, count + 1
  if not each.labels[1] then
    each:at {} -- a counter begins at 0, not with its first event
  end
  return each
end

-- Returns the metric with this name, kind, labels and buckets; a new one if there is none.
function registry.metric(kind, name, help, labels, buckets)
  local made = family.new(kind, name, help, labels, buckets, overflown)
  local present = families[name]
  if present and not is_same(present, made) then
    errors.raise("bad argument #1 'name' to '%s' (metric %s exists already, with another kind, labels or buckets)",
      kind, errors.quote(name))
  end
  return present or add(made)
end

-- A new version of the script is being loaded, and may make the same metrics again.
function registry.forget()
  earlier, families, count = families, {}, 0
end

-- The new version has taken over (commit), or could not be loaded (restore).
function registry.commit()
  earlier = nil
end

function registry.restore()
  families, count, earlier = earlier or {}, 0, nil
  for _ in pairs(families) do
    count = count + 1
  end
end

-- The families in the order of their names.
function registry.all()
  local list = {}
  for _, each in pairs(families) do
    list[#list + 1] = each
  end
  table.sort(list, function(one, other) return one.name < other.name end)
  return list
end

return registry
