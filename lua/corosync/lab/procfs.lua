--- Facts about processes from /proc.
-- @module corosync.lab.procfs

local uv = require "luv"

local procfs = {}

--- Reads a file.
-- @tparam string path
-- @treturn string its content, or nil when it cannot be read
function procfs.read(path)
  local file = io.open(path)
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end

local function scan_for_children(pid)
  local found = {}
  local directory = uv.fs_scandir("/proc")
  local name = directory and uv.fs_scandir_next(directory)
  while name do
    local status = name:match("^%d+$") and procfs.read("/proc/" .. name .. "/status")
    if status and tonumber(status:match("\nPPid:%s*(%d+)")) == pid then
      found[#found + 1] = tonumber(name)
    end
    name = uv.fs_scandir_next(directory)
  end
  return found
end

--- The children of a process.
-- @tparam number pid
-- @treturn table their pids
function procfs.children(pid)
  -- Kernels without CONFIG_PROC_CHILDREN lack the file.
  local list = procfs.read(("/proc/%d/task/%d/children"):format(pid, pid))
  if not list then
    return scan_for_children(pid)
  end
  local found = {}
  for child in list:gmatch("%d+") do
    found[#found + 1] = tonumber(child)
  end
  return found
end

--- A process's pid in its innermost pid namespace.
-- @tparam number pid as seen from here
-- @treturn number, or nil when there is no such process
function procfs.inner_pid(pid)
  local status = procfs.read(("/proc/%d/status"):format(pid))
  return status and tonumber(status:match("\nNSpid:[^\n]-(%d+)\n"))
end

--- Whether a process is paused by a signal; the kernel calls it stopped.
-- @tparam number pid
-- @treturn boolean
function procfs.is_stopped(pid)
  local stat = procfs.read(("/proc/%d/stat"):format(pid)) or ""
  return stat:match(".*%) (%a)") == "T"
end

--- Whether this process may create namespaces without a user namespace of its own.
-- @treturn boolean
function procfs.is_privileged()
  local digits = (procfs.read("/proc/self/status") or ""):match("\nCapEff:%s*(%x+)") or "0"
  local capabilities = tonumber(digits:sub(-6), 16)
  local function has(bit) return math.floor(capabilities / 2 ^ bit) % 2 == 1 end
  local NET_ADMIN, SYS_CHROOT, SYS_ADMIN = 12, 18, 21
  return has(NET_ADMIN) and has(SYS_CHROOT) and has(SYS_ADMIN)
end

return procfs
