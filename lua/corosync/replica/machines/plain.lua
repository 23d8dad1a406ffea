-- Plain values: strings, numbers, booleans, and tables of these without cycles and metatables. Commands and the states
-- of machines are such values, unless a script encodes them itself.
local core = require "corosync.binding"

local plain = {}

local DEEPEST = 100 -- nested tables
local MOST = 16777216 -- entries; those of a table count each time it is reached. A command that can be sent has fewer
local LONGEST_PATH = 60 -- bytes of a path that a message shows
local KILOBYTE = 1024

local SCALAR = { string = true, number = true, boolean = true }

local function describe(path, problem)
  local shown = #path > LONGEST_PATH and path:sub(1, LONGEST_PATH) .. "..." or path
  return ("%s is %s"):format(path == "" and "it" or "field " .. shown, problem)
end

-- NaN needs no check, because it cannot be a key.
local function check_key(key)
  local kind = type(key)
  if kind ~= "string" and kind ~= "number" then
    return "a table with a " .. kind .. " as a key"
  end
end

local check_table

local function check_value(value, depth, room)
  local kind = type(value)
  if kind == "table" then
    return check_table(value, depth - 1, room)
  elseif not SCALAR[kind] then
    return "a " .. kind, ""
  end
end

-- Returns why a part of the value is not plain, and that part's path.
function check_table(value, depth, room)
  if depth < 0 then
    return "a table that is nested too deeply, or contains itself", ""
  elseif getmetatable(value) ~= nil then
    return "a table with a metatable", ""
  end
  for key, item in pairs(value) do
    room.left = room.left - 1
    local of_key = check_key(key) or room.left < 0 and "a table with too many entries"
    if of_key then
      return of_key, ""
    end
    local problem, path = check_value(item, depth, room)
    if problem then
      return problem, "." .. tostring(key) .. path
    end
  end
end

-- Returns nil if a table may have this entry, else why not. The entries of an item that is a table are not checked.
function plain.entry(key, item)
  local kind = type(item)
  if kind == "table" and getmetatable(item) ~= nil then
    return describe("." .. tostring(key), "a table with a metatable")
  elseif kind ~= "table" and not SCALAR[kind] then
    return describe("." .. tostring(key), "a " .. kind)
  end
  local problem = check_key(key)
  return problem and describe("", problem)
end

-- Returns nil if the value is plain, else why it is not. `deepest`: how many tables may be nested; `most`: how many
-- entries they may have.
function plain.check(value, deepest, most)
  local problem, path = check_value(value, deepest or DEEPEST, { left = most or MOST })
  return problem and describe(path, problem)
end

local function copy(value, room)
  if type(value) ~= "table" then
    return value
  end
  local to = {}
  for key, item in pairs(value) do
    room.left = room.left - 1
    if room.left < 0 then
      return nil
    end
    to[key] = copy(item, room)
  end
  return to
end

-- Returns a deep copy; nil if it would have more than `entries` entries.
function plain.copy(value, entries)
  local room = { left = entries or math.huge }
  local made = copy(value, room)
  if room.left >= 0 then
    return made
  end
end

local function detached(value, deepest, made)
  if type(value) ~= "table" or getmetatable(value) ~= nil or deepest == 0 then
    return value
  elseif not made[value] then
    local to = {}
    made[value] = to
    for key, item in pairs(value) do
      to[key] = detached(item, deepest - 1, made)
    end
  end
  return made[value]
end

-- Returns a deep copy of the tables in any value. Objects of the script's own and tables that are nested too deeply are
-- not copied.
function plain.detached(value)
  return detached(value, DEEPEST, {})
end

local HALF = 4503599627370496 -- 2^52: the sum of two smaller numbers is exact

local digest

local function digest_entry(key, item, room)
  if type(item) == "table" then
    return core.digest(digest(item, room), type(key), key, "table")
  end
  return core.digest(0, type(key), key, type(item), item)
end

function digest(value, room)
  if type(value) ~= "table" then
    return core.digest(0, type(value), value)
  end
  local sum = 1
  for key, item in next, value do
    room.left = room.left - 1 - (type(item) == "string" and #item / KILOBYTE or 0)
    if room.left < 0 then
      return 0
    end
    sum = (sum + digest_entry(key, item, room) % HALF) % HALF
  end
  return sum
end

-- Returns a digest of a plain value. The order of a table's keys does not matter, and the numbers 3 and 3.0 are equal.
-- Returns nil if the value has more than `entries` entries; each kB of strings counts as one, too.
function plain.digest(value, entries)
  local room = { left = entries or math.huge }
  local made = digest(value, room)
  return room.left >= 0 and made or nil
end

return plain
