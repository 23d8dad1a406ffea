-- Loads the protocol, with a fault of sim/faults.lua planted into its source if one is given.
local loadstring = loadstring or load

local function source_of(name)
  for template in package.path:gmatch "[^;]+" do
    local file = io.open((template:gsub("%?", (name:gsub("%.", "/")))))
    if file then
      local text = file:read "*a"
      file:close()
      return text
    end
  end
  error("no module " .. name)
end

local function change(text, old, new)
  local first, last = text:find(old, 1, true)
  assert(first, "the fault's text is not there: " .. old)
  return text:sub(1, first - 1) .. new .. text:sub(last + 1)
end

-- Loads the modules of the protocol again, each with the fault's changes to it.
return function(fault)
  local loaded = {}
  local function load_module(name)
    local short = name:match "^corosync%.replica%.(%w+)$" or name:match "^corosync%.replica%.protocol%.([%w_]+)$"
    if not short then
      return require(name)
    elseif loaded[name] == nil then
      local text = source_of(name)
      for _, each in ipairs(fault or {}) do
        if each[1] == short then
          text = change(text, each[2], each[3])
        end
      end
      local chunk = assert(loadstring("local require = ... " .. text, "@" .. name))
      loaded[name] = chunk(load_module)
    end
    return loaded[name]
  end
  return load_module "corosync.replica.protocol"
end
