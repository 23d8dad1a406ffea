-- JSON, by dkjson, which is needed only for it.
local script_calls = require "corosync.script_calls"

local json = {}

--- Returns whether dkjson is installed.
-- @treturn boolean
function json.is_installed()
  return (pcall(script_calls.require, "dkjson"))
end

local function dkjson()
  local ok, found = pcall(script_calls.require, "dkjson")
  if ok then
    return found
  end
  local is_missing = tostring(found):find("module 'dkjson' not found", 1, true) -- else memory has run out, for instance
  error(is_missing and "JSON needs dkjson (Debian: lua-dkjson)" or found, 0)
end

-- dkjson writes numbers with tostring, which gives 14 digits in some versions of Lua. Tokens of locks and indices have
-- 16.
local LOSES_DIGITS = tostring(9007199254740991) ~= "9007199254740991"
local SHORT, MOST = 1e14, 2 ^ 53

local function written(number)
  return setmetatable({}, { __tojson = function() return ("%.0f"):format(number) end })
end

-- Returns a copy in which such numbers are written with all digits. `open`: the tables that contain the value, which
-- are not copied again, because dkjson reports a table that contains itself.
local function exact(value, open)
  local size = type(value) == "number" and math.abs(value) or 0
  if size >= SHORT and size <= MOST and size == math.floor(size) then
    return written(value)
  elseif type(value) ~= "table" or open[value] then
    return value
  end
  open[value] = true
  local copy = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do
    copy[key] = exact(item, open)
  end
  open[value] = nil
  return copy
end

-- `options`: dkjson's, such as `keyorder`.
function json.encode(value, options)
  return dkjson().encode(LOSES_DIGITS and exact(value, {}) or value, options)
end

-- The value, or nil and a message.
function json.decode(text)
  local ok, value, rest, problem = pcall(dkjson().decode, text, 1, nil, nil) -- the last nil: without metatables
  if not ok and tostring(value):find("stack overflow", 1, true) then
    return nil, "it is nested too deeply"
  elseif not ok then
    error(value, 0)
  elseif value == nil then
    return nil, problem or "null is not a value"
  end
  local more = string.find(text, "%S", rest) -- the text may be a number
  if more then
    return nil, ("more text after the value, from byte %d on"):format(more)
  end
  return value
end

local LONGEST_LINE = 80
local DEEPEST = 100 -- nested tables

-- The __tostring of a C library's metatable may raise an error for other values.
local function text_of(value)
  local ok, text = pcall(tostring, value)
  return ok and text or type(value)
end

-- Returns a copy in which keys other than strings and numbers, and tables that contain themselves or are nested too
-- deeply, are written with tostring.
local function with_plain_keys(value, open, deepest)
  if type(value) ~= "table" then
    return value
  elseif open[value] or deepest == 0 then
    return text_of(value)
  end
  open[value] = true
  local copy = {}
  for key, item in pairs(value) do
    local is_plain = type(key) == "string" or type(key) == "number"
    copy[is_plain and key or text_of(key)] = with_plain_keys(item, open, deepest - 1)
  end
  open[value] = nil
  return copy
end

-- For people: values that JSON cannot represent are written with tostring.
function json.describe(given)
  local value = with_plain_keys(given, {}, DEEPEST)
  local function describe_other(_, other)
    return dkjson().quotestring(text_of(other))
  end
  local line = dkjson().encode(value, { exception = describe_other })
  return #line <= LONGEST_LINE and line or dkjson().encode(value, { exception = describe_other, indent = true })
end

-- As plain text, except for tables.
function json.plain(value)
  return type(value) == "table" and json.encode(value) or tostring(value)
end

return json
