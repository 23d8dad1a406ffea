-- Whether other workers follow when this one exits: at a reload, nginx's master also has workers that do not exit, or
-- that have not begun yet. The names that nginx gives its processes tell.
local process = require "ngx.process"

local reload = {}

-- The same in all workers of one configuration: the address of a table that the master has made before it forked them.
reload.CONFIGURATION = tostring(package.loaded)

local function read(...)
  local file = io.open(table.concat { "/proc/", ... })
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  return text
end

local function children(pid)
  return read(pid, "/task/", pid, "/children")
end

-- The process ids of a master's workers that do not exit, as texts; nil when the kernel does not tell. A new worker
-- has its master's name until it has run init_worker_by_lua. So has a new master (an upgrade), which has workers of its
-- own.
local function workers_of(master)
  local pids, found = children(master), {}
  for pid in (pids or ""):gmatch "%d+" do
    local name = read(pid, "/cmdline") or ""
    local own = name:find "^nginx: master process" and workers_of(pid)
    if name:find "^nginx: worker process%z*$" or own and #own == 0 then
      found[#found + 1] = pid
    end
  end
  return pids and found
end

-- Of this nginx, as workers_of.
function reload.pids()
  return workers_of(process.get_master_pid())
end

-- How many these are.
function reload.workers()
  local pids = reload.pids()
  return pids and #pids
end

return reload
