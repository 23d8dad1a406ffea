-- JSON, by dkjson, which is needed only for it.
local json = {}

local function dkjson()
  local ok, found = pcall(require, "dkjson")
  return ok and found or error("JSON needs dkjson (Debian: lua-dkjson)", 0)
end

function json.encode(value)
  return dkjson().encode(value)
end

-- The value, or nil and a message.
function json.decode(text)
  local value, _, problem = dkjson().decode(text, 1, nil, nil) -- the last nil: without metatables
  if value == nil then
    return nil, problem or "null is no value"
  end
  return value
end

local LONGEST_LINE = 80

-- For people: values that JSON lacks are written as tostring does.
function json.describe(value)
  local function describe_other(_, other)
    return dkjson().quotestring(tostring(other))
  end
  local line = dkjson().encode(value, { exception = describe_other })
  return #line <= LONGEST_LINE and line or dkjson().encode(value, { exception = describe_other, indent = true })
end

-- As plain text, except for tables.
function json.plain(value)
  return type(value) == "table" and json.encode(value) or tostring(value)
end

return json
