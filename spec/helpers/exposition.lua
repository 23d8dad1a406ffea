-- Reads Prometheus' text format 0.0.4, more strictly than Prometheus does.
local assert = require "luassert"

local exposition = {}

local KINDS = { counter = true, gauge = true, histogram = true }
local NAME = "^[a-zA-Z_][a-zA-Z0-9_]*"

local function unescape(text)
  local plain = text:gsub("\\(.)", function(c)
    return assert(({ n = "\n", ["\\"] = "\\", ['"'] = '"' })[c], "bad escape \\" .. c)
  end)
  return plain
end

-- Returns the labels by name, and what follows the closing brace.
local function labels_of(rest)
  local labels = {}
  while rest:sub(1, 1) ~= "}" do
    local name = assert(rest:match(NAME), "bad label: " .. rest)
    assert.is_nil(labels[name])
    local stop = #name + 3
    assert.equal('="', rest:sub(#name + 1, #name + 2))
    while rest:sub(stop, stop) ~= '"' do
      assert(stop <= #rest, "label without an end: " .. rest)
      stop = stop + (rest:sub(stop, stop) == "\\" and 2 or 1)
    end
    labels[name] = unescape(rest:sub(#name + 3, stop - 1))
    rest = rest:sub(stop + 1)
    assert(rest:find "^[,}]", "bad end of a label: " .. rest)
    rest = rest:gsub("^,", "")
  end
  return labels, rest:sub(2)
end

local SPECIAL = { ["+Inf"] = math.huge, ["-Inf"] = -math.huge, NaN = 0 / 0 }

local function sample_of(line)
  local name = assert(line:match(NAME), "bad line: " .. line)
  local rest, labels = line:sub(#name + 1), {}
  if rest:sub(1, 1) == "{" then
    labels, rest = labels_of(rest:sub(2))
  end
  local number = assert(rest:match "^ (%S+)$", "bad value: " .. line)
  return name, labels, assert(SPECIAL[number] or tonumber(number), "bad number: " .. line)
end

local function belongs(name, family)
  local base = family.kind == "histogram" and name:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "") or name
  return base == family.name
end

-- Returns the families by name, each with its kind, its help and its samples: { name, labels, value }.
function exposition.parse(text)
  assert.equal("\n", text:sub(-1))
  local families, family, seen = {}, nil, {}
  for line in text:gmatch "([^\n]*)\n" do
    local name, help = line:match "^# HELP (%S+) (.+)$"
    local typed, kind = line:match "^# TYPE (%S+) (%S+)$"
    if name then
      assert(name:find(NAME .. "$") and not families[name], "bad or repeated metric: " .. line)
      family = { name = name, help = help, samples = {} }
      families[name] = family
    elseif typed then
      assert(typed == family.name and KINDS[kind] and not family.kind, line)
      family.kind = kind
    else
      local sample, labels, value = sample_of(line)
      assert(family.kind and belongs(sample, family), "a sample of another metric: " .. line)
      local key = line:match "^(.*) %S+$"
      assert(not seen[key], "a repeated sample: " .. line)
      seen[key] = true
      table.insert(family.samples, { name = sample, labels = labels, value = value })
    end
  end
  return families
end

local function has(labels, wanted)
  for name, value in pairs(wanted) do
    if labels[name] ~= value then
      return false
    end
  end
  return true
end

-- The value of the one sample of that name with these labels, perhaps among others; nil if there is none.
function exposition.value(families, name, labels)
  local found
  for _, family in pairs(families) do
    for _, sample in ipairs(family.samples) do
      if sample.name == name and has(sample.labels, labels or {}) then
        assert(found == nil, "several samples of " .. name)
        found = sample.value
      end
    end
  end
  return found
end

return exposition
