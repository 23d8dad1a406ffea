-- --config: a file of Lua assignments to the names of options. It becomes words of the command line, so that the
-- options' own checks apply. The file sees no globals, so it cannot call functions.
local guess = require("corosync.suggest").guess

local config = {}

local LISTS = { also = true, arguments = true }
local NOT_IN_A_FILE = { ["--completion"] = true, ["--config"] = true, ["--help"] = true, ["--init"] = true,
  ["--version"] = true }

local compile = loadstring and setfenv -- luacheck: globals loadstring setfenv
  and function(text, name, env)
    local chunk, message = loadstring(text, name)
    return chunk and setfenv(chunk, env), message
  end
  or function(text, name, env) return load(text, name, "t", env) end

-- Returns the table of its assignments, or nil and a message.
local function read(path)
  local file, message = io.open(path)
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  if not text then
    return nil, message or ("%s cannot be read"):format(path)
  elseif text:byte() == 27 then
    return nil, ("%s: it is compiled Lua, and must be text"):format(path)
  end
  local values = {}
  local chunk, problem = compile(text, "@" .. path, values)
  if not chunk then
    return nil, problem
  end
  local ok
  ok, problem = pcall(chunk)
  if not ok then
    return nil, ("%s (the file may only assign values)"):format(problem)
  end
  return values
end

-- By key: the option's names, and whether it takes a value.
local function keys_of(parser)
  local keys = { script = {}, arguments = {} }
  for _, option in ipairs(parser._options) do
    local long = option._aliases[#option._aliases]
    if not NOT_IN_A_FILE[long] then
      local key = long:sub(3):gsub("-", "_")
      keys[key] = { names = option._aliases, long = long, takes_value = option._maxargs > 0 }
    end
  end
  return keys
end

local function expected(name, each)
  if LISTS[name] then
    return "table"
  elseif each.names and not each.takes_value then
    return "boolean"
  end
  return "string"
end

local function is_of(kind, value)
  if kind == "table" and type(value) == "table" then
    local count = 0
    for _, item in pairs(value) do
      if type(item) ~= "string" then
        return false
      end
      count = count + 1
    end
    return count == #value
  end
  return type(value) == kind or kind == "string" and type(value) == "number"
end

-- Returns nil, or a message about a wrong name or a value of a wrong type.
local function check(values, keys, path)
  for name, value in pairs(values) do
    local each = keys[name]
    if not each then
      return ("%s: there is no option '%s'%s"):format(path, tostring(name), guess(keys, tostring(name)))
    end
    local kind = expected(name, each)
    if not is_of(kind, value) then
      return ("%s: '%s' must be a %s, not a %s"):format(path, name, kind == "table" and "list of strings"
        or kind == "string" and "string or number" or kind, type(value))
    end
  end
end

local function words_for(name, each, value)
  local words = {}
  for _, item in ipairs(type(value) == "table" and value or { value }) do
    words[#words + 1] = each.takes_value and ("%s=%s"):format(each.long, tostring(item)) or item and each.long or nil
  end
  return name ~= "script" and name ~= "arguments" and words or {}
end

local function is_given(each, given)
  for _, alias in ipairs(each.names or {}) do
    if given[alias] then
      return true
    end
  end
  return false
end

-- Reads the file. `given`: the set of the options in the command line, which win. Returns the words of the other
-- options, and the script and its arguments, if the file names them; or nil and a message.
function config.words(path, parser, given)
  local values, message = read(path)
  local keys = keys_of(parser)
  message = message or check(values, keys, path)
  if message then
    return nil, message
  end
  local words = {}
  for name, value in pairs(values) do
    if not is_given(keys[name], given) then
      for _, word in ipairs(words_for(name, keys[name], value)) do
        words[#words + 1] = word
      end
    end
  end
  return words, values.script, values.arguments
end

return config
