-- Completion of names at the prompt: globals, fields and methods. It calls no functions of the
-- script, because they would run without limits.
local MOST = 200
local DEEPEST = 10 -- tables behind a table, by their metatables

-- The tables that an index looks into.
local function tables(value)
  local found = {}
  while value ~= nil and #found < DEEPEST do
    if type(value) == "table" then
      found[#found + 1] = value
    end
    local metatable = debug.getmetatable(value)
    value = type(metatable) == "table" and rawget(metatable, "__index") or nil
    value = type(value) == "table" and value or nil
  end
  return found
end

local function field(value, name)
  for _, each in ipairs(tables(value)) do
    local found = rawget(each, name)
    if found ~= nil then
      return found
    end
  end
end

local function add_names(names, value, prefix, only_functions)
  for _, each in ipairs(tables(value)) do
    for name, item in next, each do
      local fits = type(name) == "string" and name:sub(1, #prefix) == prefix and name:find "^[%a_][%w_]*$"
      if fits and (not only_functions or type(item) == "function") then
        names[name] = true
      end
    end
  end
end

-- Returns the sorted completions of a word such as "group:mem".
return function(word)
  local path, separator, prefix = word:match "^(.-)([.:]?)([%w_]*)$"
  local value = _G
  for name in path:gmatch "[%w_]+" do
    value = field(value, name)
  end
  local names, words = {}, {}
  if path == "" or separator ~= "" then
    add_names(names, value, prefix, separator == ":")
  end
  for name in pairs(names) do
    if #words < MOST then
      words[#words + 1] = path .. separator .. name
    end
  end
  table.sort(words)
  return words
end
