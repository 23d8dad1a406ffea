-- What a script can change: the globals, their metatable, the modules in Lua that it has loaded, package.path, the
-- working folder, and the times of its group. This package's modules stay loaded, and so do those in C, which cannot be
-- loaded twice.
local uv = require "luv"

local getmetatable, setmetatable = debug.getmetatable, debug.setmetatable
local next, rawset, type, open, package = next, rawset, type, io.open, package
local chdir, cwd = uv.chdir, uv.cwd

local world = {}

local first -- the content before the first script was loaded

-- The file of a module in Lua, if it has one.
local function file_of(name)
  local relative = name:gsub("%.", "/")
  for template in package.path:gmatch "[^;]+" do
    local path = template:gsub("%?", function() return relative end)
    local file = open(path)
    if file then
      file:close()
      return path
    end
  end
end

local function is_own(name)
  return name:find "^corosync" or name:find "^cpgrun" or name == "luv"
end

-- The files of the modules that the script has loaded, by name.
function world.files()
  local files = {}
  for name in next, package.loaded do
    if type(name) == "string" and not first.modules[name] and not is_own(name) then
      files[name] = file_of(name)
    end
  end
  return files
end

local function copy(content)
  local made = {}
  for key, value in next, content do
    made[key] = value
  end
  return made
end

local function fill(content, wanted)
  for key in next, content do
    if wanted[key] == nil then
      content[key] = nil
    end
  end
  for key, value in next, wanted do
    rawset(content, key, value)
  end
end

local group

local function present_content()
  return { globals = copy(_G), metatable = getmetatable(_G), path = package.path, cpath = package.cpath, modules = {},
    folder = cwd(), timeout = group.timeout, settle = rawget(group, "settle") }
end

-- To be called before the first script is loaded, with its group.
function world.note(given)
  group = given
  first = present_content()
  first.modules = copy(package.loaded)
end

local function put(content)
  setmetatable(_G, nil)
  fill(_G, content.globals)
  setmetatable(_G, content.metatable)
  package.path, package.cpath = content.path, content.cpath
  if content.folder then -- unless it was removed
    chdir(content.folder)
  end
  group.timeout, group.settle = content.timeout, content.settle
end

-- Makes the state as it was before the first script. Returns what was there, for `restore`.
function world.clear()
  local present = present_content()
  for name in next, world.files() do
    present.modules[name], package.loaded[name] = package.loaded[name], nil
  end
  put(first)
  return present
end

function world.restore(present)
  for name in next, world.files() do
    package.loaded[name] = nil
  end
  put(present)
  for name, module in next, present.modules do
    package.loaded[name] = module
  end
end

-- Calls a function while the content is another one.
function world.within(present, f)
  local outer = world.clear()
  world.restore(present)
  local result = f()
  world.restore(outer)
  return result
end

return world
