-- Files as strings.
local assert = require "luassert"

local files = {}

function files.read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

function files.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
end

function files.exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

return files
