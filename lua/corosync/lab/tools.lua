--- The system's programs that the lab runs, and their environment.
-- @module corosync.lab.tools

local uv = require "luv"
local procfs = require "corosync.lab.procfs"

-- corosync and ip are in these folders, which the PATH of an ordinary user may lack.
local SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"

local tools = {}

--- The PATH in which the lab finds its tools.
-- @treturn string
function tools.path()
  local path = uv.os_getenv("PATH")
  return path and path .. ":" .. SYSTEM_FOLDERS or SYSTEM_FOLDERS
end

--- This process's environment with some variables changed, in libuv's form.
-- @tparam[opt] table extra values by name
-- @treturn table an array of NAME=value
function tools.environment(extra)
  local variables = uv.os_environ()
  variables.PATH = tools.path()
  for name, value in pairs(extra or {}) do
    variables[name] = value
  end
  local list = {}
  for name, value in pairs(variables) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

--- Finds a tool.
-- @tparam string name
-- @treturn string its path, or nil
function tools.find(name)
  for folder in tools.path():gmatch("[^:]+") do
    local path = folder .. "/" .. name
    if uv.fs_access(path, "X") then
      return path
    end
  end
end

--- The command of a lab's outermost process.
-- @tparam string script for sh, which becomes the first process of the namespaces
-- @treturn table argv, to which arguments for the script can be added
function tools.unshare(script)
  local flags = procfs.is_privileged() and "-nmpf" or "-Urnmpf"
  return { tools.find("unshare"), flags, "--kill-child", "--mount-proc", "sh", "-c", script, "sh" }
end

return tools
