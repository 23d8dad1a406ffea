-- MessagePack, from the package lua-messagepack, for all that a replica sends.
local errors = require "corosync.errors"

-- Debian has no file for Lua 5.4; the one for 5.3 works.
local function load_messagepack()
  local ok, module = pcall(require, "MessagePack")
  if ok then
    return module
  end
  local path = package.searchpath and package.searchpath("MessagePack", (package.path:gsub("5%.4", "5.3")))
  if path then
    return dofile(path)
  end
  errors.raise "a replica needs lua-messagepack: install Debian's package lua-messagepack, or the rock lua-messagepack"
end

local messagepack = load_messagepack()

return { encode = messagepack.pack, decode = messagepack.unpack }
