-- Loads the C half, and raises an error if its version is another one, because the interface of the two halves changes
-- without notice. All other files get the C half from here.

local core = require "corosync.core"

local VERSION = "0.1.0" -- the only copy: the Makefile reads this line

local NAME = "corosync.core"

-- As require searches; Lua 5.1 has no package.searchpath.
local function find()
  local path = NAME:gsub("%.", "/")
  for template in package.cpath:gmatch "[^;]+" do
    local name = template:gsub("%?", path)
    local file = io.open(name)
    if file then
      file:close()
      return name
    end
  end
end

-- A sandbox may lack each of these libraries.
local function place_of_core()
  local is_preloaded = package and package.preload[NAME]
  return is_preloaded and "this program" or package and io and find() or "an unknown place"
end

local function place_of_lua()
  return debug and debug.getinfo(1, "S").source:match "^@(.*/)" or "this program"
end

if core._VERSION ~= VERSION then
  error(("lua-corosync %s (Lua files in %s) found the C half %s in %s: install both from one version"):format(
    VERSION, place_of_lua(), tostring(core._VERSION), place_of_core()), 0)
end

return core
