-- Reads traces and histories: the processes that wrote them, and the events of each, in their order.
local parser = require "corosync.checker.parser"

local reader = {}

-- Begins a process: its `path`, its `events`, and its `address` when that is known.
local function begin(self, path)
  local process = { path = path, events = {} }
  self.processes[#self.processes + 1] = process
  return process
end

local function read_lines(self, path, lines)
  local process, group, time, number = begin(self, path), nil, 0, 0
  for line in lines do
    number = number + 1
    local event = parser.event_of(line)
    if not event then
      self.skipped = self.skipped + 1
    elseif event[1] == "start" then
      process = begin(self, path)
    elseif event[1] == "group" then
      group = event[2]
    elseif event[1] == "time" then
      time = tonumber(event[2])
    else
      event.group, event.time, event.line, event.process = group, time, number, process
      process.events[#process.events + 1] = event
      process.address = process.address or event[1] == "config" and event[2] or nil
    end
  end
end

local function read(self, path)
  local handle, why = io.open(path)
  if not handle then
    return nil, why
  end
  local readable
  readable, why = handle:read(0)
  if readable == nil and why then -- a folder
    handle:close()
    return nil, path .. ": " .. why
  end
  read_lines(self, path, handle:lines())
  handle:close()
  return true
end

-- A process without an address never joined, so it belongs to no lane.
local function with_address(processes)
  local found = {}
  for _, process in ipairs(processes) do
    found[#found + 1] = process.address and process or nil
  end
  return found
end

-- Returns the processes, and the number of lines that are not events; or nil and a message. If a trace has an older
-- file, that is read first.
function reader.read(paths)
  local self = { processes = {}, skipped = 0 }
  for _, path in ipairs(paths) do
    local older = io.open(path .. ".1")
    if older then
      older:close()
      read(self, path .. ".1")
    end
    local ok, message = read(self, path)
    if not ok then
      return nil, ("cannot read a trace: %s"):format(message)
    end
  end
  return with_address(self.processes), self.skipped
end

return reader
