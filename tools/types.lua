-- Writes annotations for LuaLS from the doc comments, as LDoc has parsed them, into the folder $TYPES.
-- Usage: ldoc -c docs/config.ld --filter types.write .
--
-- Types in doc comments are LuaLS's, written without spaces. A method `x:f` belongs to the class `module.x`. A module
-- that other modules extend, and a classmod, are classes themselves. A script's items are globals.

local types = {}

local function one_line(text)
  return ((text or ""):gsub("@{([^}]*)}", "`%1`"):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

-- The owner of a method or field: "handle" for the name "handle:join", or the class of a field's section.
local function owner_of(item)
  return item.name:match "^([^:.]+):" or item.type == "field" and tostring(item.section):match "^Class (%S+)" or nil
end

-- The module's own classes and tables, by their names in it.
local function names_of(module)
  local names = {}
  for item in module.items:iter() do
    local owner = owner_of(item)
    if owner then
      names[owner] = module.name .. "." .. owner
    elseif item.type == "table" then
      names[item.name] = module.name .. "." .. item.name
    end
  end
  return names
end

-- An output file: its lines, the names of its module, and the classes begun in it.
local function new_file(module, is_class)
  return { lines = {}, module = module, names = names_of(module), is_class = is_class, begun = {} }
end

local function add(file, format, ...)
  file.lines[#file.lines + 1] = (format:format(...):gsub(" +$", ""))
end

local function add_text(file, item)
  local text = ((item.summary or "") .. (item.description or "")):gsub("@{([^}]*)}", "`%1`")
  for line in (text:match "^%s*(.-)%s*$" .. "\n"):gmatch "(.-)\n" do
    add(file, "---%s", line:gsub("^ ?", " "))
  end
end

-- A type, with full names for the module's own types; in `fun(ring:ring)` the first word is an argument's name.
local function whole(file, kind)
  return (kind:gsub("%f[%w_]([%a_][%w_.]*)(:?)", function(name, colon)
    return (colon == "" and file.names[name] or name) .. colon
  end))
end

local function modifiers_of(item, tag, name)
  return item.modifiers[tag] and item.modifiers[tag][name] or {}
end

-- One line for a parameter or a field.
local function add_typed(file, item, tag, name, kind)
  local modifiers = modifiers_of(item, tag, name)
  local is_field, last = tag == "field" or name:find "%w%.", name:match "[^.]+$" or name
  local default = type(modifiers.opt) == "string" and (" (default: %s)"):format(modifiers.opt) or ""
  add(file, "---@%s %s%s %s %s%s", is_field and "field" or "param", last, modifiers.opt and "?" or "",
    kind or whole(file, modifiers.type or "any"), one_line(item.params.map[name]), default)
end

-- A table parameter with documented fields gets a class for them.
local function add_fields(file, item, parameter)
  local class = ("%s.%s.%s"):format(file.module.name, (item.name:gsub(":", ".")), parameter)
  add(file, "---@class %s", class)
  for _, name in ipairs(item.subparams[parameter]) do
    add_typed(file, item, "param", name)
  end
  add(file, "")
  local kind = whole(file, modifiers_of(item, "param", parameter).type):gsub("table", class)
  return kind
end

-- A function's alternative return values: arrays of tables with `type` and `text`.
local function alternatives(item)
  local found = {}
  for _, group in ipairs(item.retgroups or {}) do
    local values, fails = {}, false
    for each in group:iter() do
      fails = fails or each.mods._err ~= nil
      values[#values + 1] = { type = each.type == "" and "any" or each.type, text = one_line(each.text) }
    end
    if fails then -- LDoc has put a nil and the text of @error at the end
      local codes = table.remove(values).text:gsub("^nil, message, c?o?d?e?[:,]? ?", "")
      table.remove(values)
      found[#found + 1] = { { type = "nil" }, { type = "string", text = "why it failed" },
        { type = "string", text = codes } }
    end
    if #values > 0 then
      table.insert(found, 1, values)
    end
  end
  return found
end

-- The types of the alternatives at one position, each once, nil last.
local function union(file, all, place)
  local kinds, seen = {}, {}
  for _, values in ipairs(all) do
    local kind = values[place] and values[place].type or "nil"
    if not seen[kind] and kind ~= "nil" then
      kinds[#kinds + 1] = whole(file, kind)
    end
    seen[kind] = true
  end
  if seen["nil"] and not seen.any then
    kinds[#kinds + 1] = "nil"
  end
  return seen.any and "any" or table.concat(kinds, "|")
end

local function add_returns(file, item)
  local all, longest = alternatives(item), 0
  for _, values in ipairs(all) do
    longest = math.max(longest, #values)
  end
  for place = 1, longest do
    local texts = {}
    for _, values in ipairs(all) do
      texts[#texts + 1] = values[place] and values[place].text ~= "" and values[place].text or nil
    end
    local text = table.concat(texts, "; or ")
    add(file, "---@return %s %s", union(file, all, place), text:find "^%.%.%. " and text or text:gsub("^.", "# %0"))
  end
end

local function begin_class(file, owner)
  if not file.begun[owner] then
    file.names[owner] = file.is_class and file.module.name or file.names[owner]
    local extends = not next(file.begun) and file.module.modifiers and (file.module.tags.extends or {})[1]
    add(file, "---@class %s%s", file.names[owner], extends and ": " .. extends or "")
    for item in file.module.items:iter() do
      if item.type == "field" and (file.is_class or owner_of(item) == owner) then
        local name = item.params[1] -- its own may be that of the statement below the comment
        local kind = whole(file, modifiers_of(item, "field", name).type)
        add(file, "---@field %s %s %s", name, kind, one_line(item.summary))
      end
    end
    add(file, "local %s = {}\n", owner)
    file.begun[owner] = true
  end
end

-- How a function's name is written in the file.
local function name_in(file, item)
  local owner, name = owner_of(item), item.name
  if owner or file.module.type == "script" then
    return name
  end
  return file.is_class and "self:" .. name or "module." .. name
end

local function add_function(file, item)
  local name = name_in(file, item)
  local owner, kinds = name:match "^([^:.]+):", {}
  if owner then
    begin_class(file, owner)
  end
  for parameter in pairs(item.subparams or {}) do
    kinds[parameter] = add_fields(file, item, parameter)
  end
  add_text(file, item)
  for _, parameter in ipairs(item.params) do
    add_typed(file, item, "param", parameter, kinds[parameter])
  end
  add_returns(file, item)
  add(file, "function %s(%s) end\n", name, table.concat(item.params, ", "))
end

local function add_table(file, item)
  add_text(file, item)
  add(file, "---@class %s", file.names[item.name])
  for _, name in ipairs(item.params) do
    add_typed(file, item, "field", name)
  end
  add(file, "")
end

local function add_field(file, item)
  add_text(file, item)
  local name = item.params[1]
  add(file, "---@type %s", whole(file, modifiers_of(item, "field", name).type))
  add(file, "%s = nil\n", file.module.type == "script" and name or "module." .. name)
end

local function add_item(file, item)
  if item.type == "function" then
    add_function(file, item)
  elseif item.type == "table" then
    add_table(file, item)
  elseif not file.is_class and not owner_of(item) then
    add_field(file, item)
  end
end

local function text_of(module, is_class)
  local file = new_file(module, is_class)
  local is_module = not is_class and module.type == "module"
  add(file, "---@meta %s\n-- Written by `make types` from the doc comments.\n", module.name)
  if is_module then
    add_text(file, module)
    add(file, "---@class %s\nlocal module = {}\n", module.name)
  end
  for item in module.items:iter() do
    add_item(file, item)
  end
  if is_module then
    add(file, "return module")
  end
  return table.concat(file.lines, "\n"):gsub("\n+$", "") .. "\n"
end

-- The names of the modules that others extend.
local function extended(modules)
  local names = {}
  for _, module in ipairs(modules) do
    for name in ((module.tags.extends or {})[1] or ""):gmatch "[^, ]+" do
      names[name] = true
    end
  end
  return names
end

local function write(path, text)
  assert(os.execute(("mkdir -p '%s'"):format(path:match "^(.*)/")))
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

function types.write(modules)
  local folder, classes = assert(os.getenv "TYPES", "TYPES is not set"), extended(modules)
  for _, module in ipairs(modules) do
    if module.type ~= "topic" then
      local path = ("%s/%s.lua"):format(folder, (module.name:gsub("%.", "/")))
      write(path, text_of(module, classes[module.name] or module.type == "classmod"))
    end
  end
end

return types
