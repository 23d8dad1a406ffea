-- Which workers follow when this one exits: at a reload nginx's master has workers that do not exit, or have not begun
-- yet. The kernel tells by the names that nginx gives its processes.
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

-- How many workers of a master do not exit; nil when the kernel does not tell. A new worker has its master's name until
-- it has run init_worker_by_lua. So has a new master (an upgrade), which has workers of its own.
local function count_workers(master)
  local pids, count = children(master), 0
  for pid in (pids or ""):gmatch "%d+" do
    local name = read(pid, "/cmdline") or ""
    if name:find "^nginx: worker process%z*$" or name:find "^nginx: master process" and count_workers(pid) == 0 then
      count = count + 1
    end
  end
  return pids and count
end

-- Of this nginx, as count_workers.
function reload.workers()
  return count_workers(process.get_master_pid())
end

return reload
