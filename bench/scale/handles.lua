-- Many handles in one process, each in its own group.
--
--   handles.lua COUNT EVERY     every EVERY handles a line: handles, private kB, kB in /dev/shm, seconds per open
local core = require "corosync.core"

local count, every = tonumber(arg[1]), tonumber(arg[2])

local function own_memory()
  return tonumber(io.open("/proc/self/status"):read("*a"):match "RssAnon:%s+(%d+)")
end

local function shared_memory()
  local pipe = io.popen "du -sk /dev/shm"
  local size = tonumber(pipe:read("*a"):match "%d+")
  pipe:close()
  return size
end

local handles = {}
local function tell(seconds)
  print(("%d %d %d %.6f"):format(#handles, own_memory(), shared_memory(), seconds))
end

tell(0)
while #handles < count do
  local began = core.now()
  for _ = 1, every do
    local handle = assert(core.cpg.open {})
    handles[#handles + 1] = handle
    assert(handle:join("scale-" .. #handles))
  end
  local seconds = (core.now() - began) / every
  for _, handle in ipairs(handles) do
    handle:dispatch()
  end
  tell(seconds)
end
