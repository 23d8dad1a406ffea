-- The states of all maps, and how commands change them.
--
-- The state has for each map's name, unless the map is empty:
--   values   the values by key. A table in it is never changed, only replaced, so others may keep it
--   count    the number of keys
--   expiry   by key, if its value expires: { at, ttl, deadline }, which are the index of the command that set this, the
--            seconds, and the time as of os.time, by the clock of the member that submitted the command
--
-- A command is { "map", operation, map, key, value, options }. Options: `old` (of replace; nil if there must be no
-- value), `ttl`, `deadline`, `lock`, `token`. Expiring is { "map", "expire", { { map, key, at }, ... } }.
--
-- The result is true, the new number of an increment, the list of what has expired, or { false, code } for a command
-- that was refused. It raises no error, because the state would then be rebuilt, which takes long if it is large.
local state = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

local LARGEST = 9007199254740991 -- up to it sums are the same in every Lua

function state.initial()
  return {}
end

-- Whether two values are equal; tables are compared by their contents.
function state.equal(one, other)
  if type(one) ~= "table" or type(other) ~= "table" then
    return one == other
  end
  for key, item in pairs(one) do
    if not state.equal(item, other[key]) then
      return false
    end
  end
  for key in pairs(other) do
    if one[key] == nil then
      return false
    end
  end
  return true
end

local function value_of(maps, name, key)
  local map = maps[name]
  if map then
    return map.values[key]
  end
end

local function put(maps, name, key, value)
  local map = maps[name] or { values = {}, count = 0, expiry = {} }
  maps[name] = map
  map.count = map.count + (map.values[key] == nil and 1 or 0)
  map.values[key] = value
end

local function expire_by(maps, name, key, options, at)
  maps[name].expiry[key] = options and options.ttl and { at, options.ttl, options.deadline } or nil
end

local function remove(maps, name, key)
  local map = maps[name]
  if not map or map.values[key] == nil then
    return
  end
  map.values[key], map.expiry[key], map.count = nil, nil, map.count - 1
  if map.count == 0 then
    maps[name] = nil
  end
end

local function refused(code)
  return { false, code }
end

local operations = {}

function operations.set(maps, command, at)
  local name, key, value, options = unpack(command, 3, 6)
  put(maps, name, key, value)
  expire_by(maps, name, key, options, at)
  return true
end

function operations.replace(maps, command, at)
  local old = command[6] and command[6].old
  if not state.equal(value_of(maps, command[3], command[4]), old) then
    return refused "not_equal"
  end
  return operations.set(maps, command, at)
end

function operations.delete(maps, command)
  remove(maps, command[3], command[4])
  return true
end

local function is_exact(number)
  return number >= -LARGEST and number <= LARGEST
end

function operations.increment(maps, command, at)
  local name, key, options = command[3], command[4], command[6]
  local value = value_of(maps, name, key)
  if value == nil then
    value = 0
  elseif type(value) ~= "number" then
    return refused "not_a_number"
  end
  if not is_exact(value) or not is_exact(value + command[5]) then
    return refused "out_of_range"
  end
  put(maps, name, key, value + command[5])
  if options and options.ttl then
    expire_by(maps, name, key, options, at)
  end
  return value + command[5]
end

-- Deletes expired values. A value that has been set again since then stays.
local function expire(maps, entries)
  local removed = {}
  for _, entry in ipairs(entries) do
    local map = maps[entry[1]]
    local expiry = map and map.expiry[entry[2]]
    if expiry and expiry[1] == entry[3] then
      remove(maps, entry[1], entry[2])
      removed[#removed + 1] = entry
    end
  end
  return removed
end

local function is_held(all, options)
  local lock = all.lock and all.lock[options.lock]
  return lock ~= nil and lock.token == options.token
end

-- `all`: the states of all parts, by name.
function state.apply(all, command, at)
  local options = command[6]
  if command[2] == "expire" then
    return expire(all.map, command[3])
  elseif options and options.lock and not is_held(all, options) then
    return refused "not_holding"
  end
  return operations[command[2]](all.map, command, at)
end

-- Returns the code of a command that was refused, else nil.
function state.refusal(result)
  return type(result) == "table" and result[1] == false and result[2] or nil
end

return state
