-- A file of events, one per line, with the time on lines of its own.
local core = require "corosync.binding"

local file = {}

local RESOLUTION = 0.001 -- seconds: events that follow sooner share a line of time

local File = {}
File.__index = File

-- A process that was killed may have left half of a line.
local function end_last_line(handle, size)
  if size > 0 then
    handle:seek("set", size - 1)
    local last = handle:read(1)
    handle:seek "end" -- C allows no write right after a read
    return last == "\n" or handle:write "\n"
  end
  return true
end

-- Opens a file to append to it. Returns nil and a message if it cannot be written.
function file.open(path)
  local handle, why = io.open(path, "a+")
  if not handle then
    return nil, why
  end
  handle:setvbuf "no"
  local size = handle:seek "end"
  local ok
  ok, why = end_last_line(handle, size)
  return ok and setmetatable({ handle = handle, time = -math.huge, size = size }, File), why
end

-- One system call: the process may be killed at any moment, and other programs append to the file.
function File:write(line)
  local now, text = core.time(), line .. "\n"
  if math.abs(now - self.time) >= RESOLUTION then
    self.time, text = now, ("time %.3f\n%s"):format(now, text)
  end
  local ok, why = self.handle:write(text)
  self.size = self.size + #text
  return ok, why
end

function File:close()
  self.handle:close()
end

return file
