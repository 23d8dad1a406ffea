-- The metrics of the process, with the names and help texts that Prometheus' client libraries use.
local uv = require "luv"

local process = {}

local KINDS = {
  process_cpu_seconds_total = { "counter", "Total user and system CPU time spent in seconds." },
  process_resident_memory_bytes = { "gauge", "Resident memory size in bytes." },
  process_virtual_memory_bytes = { "gauge", "Virtual memory size in bytes." },
  process_open_fds = { "gauge", "Number of open file descriptors." },
  process_max_fds = { "gauge", "Maximum number of open file descriptors." },
  process_start_time_seconds = { "gauge", "Start time of the process since unix epoch in seconds." },
}

process.KINDS, process.NAMES = KINDS, {}
for name in pairs(KINDS) do
  table.insert(process.NAMES, name)
end
table.sort(process.NAMES)

local UNLIMITED = 2 ^ 53

local function read(path)
  local file = io.open(path)
  local text = file and file:read "*a" or ""
  if file then
    file:close()
  end
  return text
end

local function count_descriptors()
  local entries, count = uv.fs_scandir "/proc/self/fd", 0
  while entries and uv.fs_scandir_next(entries) do
    count = count + 1
  end
  return count - 1 -- without the descriptor of the folder itself
end

-- Returns the fields after the program's name, which may contain spaces and parentheses.
local function fields_of_stat()
  local fields = {}
  for field in (read("/proc/self/stat"):match "^.*%)(.*)$" or ""):gmatch "%S+" do
    fields[#fields + 1] = tonumber(field) or 0
  end
  return fields
end

-- Returns the values by name. `started`: when the process was started, as os.time().
function process.read(started)
  local usage, fields = uv.getrusage(), fields_of_stat()
  return {
    process_cpu_seconds_total = usage.utime.sec + usage.stime.sec + (usage.utime.usec + usage.stime.usec) / 1e6,
    process_resident_memory_bytes = uv.resident_set_memory(),
    process_virtual_memory_bytes = fields[21],
    process_open_fds = count_descriptors(),
    process_max_fds = tonumber(read("/proc/self/limits"):match "Max open files%s+(%d+)") or UNLIMITED,
    process_start_time_seconds = started,
  }
end

return process
