-- The service manager in sd_notify(3): a socket that keeps the lines that it receives.
local process = require "spec_process"
local wait = require "corosync.lab.wait"

local Manager = {}
Manager.__index = Manager

local function new(path)
  return setmetatable({ path = path, fd = process.datagrams(path), lines = {} }, Manager)
end

-- Reads the notifications that have arrived.
function Manager:receive()
  local text = process.datagram(self.fd)
  while text do
    for line in text:gmatch "[^\n]+" do
      table.insert(self.lines, line)
    end
    text = process.datagram(self.fd)
  end
end

function Manager:forget()
  self:receive()
  self.lines = {}
end

-- How many lines are like the pattern.
function Manager:count(pattern)
  self:receive()
  local found = 0
  for _, line in ipairs(self.lines) do
    found = found + (line:find(pattern) and 1 or 0)
  end
  return found
end

-- Waits for a line; `count`: for so many.
function Manager:wait_for(pattern, count)
  local came = wait.until_true(function() return self:count(pattern) >= (count or 1) end, 60)
  assert(came, ("no line like '%s' in:\n%s"):format(pattern, table.concat(self.lines, "\n")))
end

function Manager:close()
  process.close(self.fd)
  os.remove(self.path)
end

return new
