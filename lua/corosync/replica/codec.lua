-- Encodes all that a replica sends in MessagePack, with the package lua-messagepack.
local errors = require "corosync.errors"

local NAME = "MessagePack"

-- Loads a copy of the module for replicas only: a program may change the settings of its own copy with functions such
-- as `set_number`, and members with different settings would send different values.
local function require_anew()
  local present = package.loaded[NAME]
  package.loaded[NAME] = nil
  local ok, module = pcall(require, NAME)
  package.loaded[NAME] = present
  return ok and module
end

-- Debian has no file for Lua 5.4; the one for 5.3 works.
local function load_messagepack()
  local module = require_anew()
  if module then
    return module
  end
  local path = package.searchpath and package.searchpath(NAME, (package.path:gsub("5%.4", "5.3")))
  if path then
    return dofile(path)
  end
  errors.raise "a replica needs lua-messagepack: install Debian's package lua-messagepack, or the rock lua-messagepack"
end

local messagepack = load_messagepack()
local packers = messagepack.packers

-- The module's own function encodes { [0.5] = "a", [2] = "b" } as an array: it checks only whether the greatest key
-- equals the number of keys.
function packers.table(buffer, value)
  local is_array, greatest, count = true, 0, 0
  for key in pairs(value) do
    count = count + 1
    if type(key) ~= "number" or key < 1 or key % 1 ~= 0 then
      is_array = false
    elseif key > greatest then
      greatest = key
    end
  end
  local pack = is_array and greatest == count and packers.array or packers.map
  pack(buffer, value, count)
end

return { encode = messagepack.pack, decode = messagepack.unpack }
