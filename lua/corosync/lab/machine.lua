--- What the lab needs of the machine, and what to do where it lacks it.
-- @module corosync.lab.machine

local uv = require "luv"
local proc = require "corosync.lab.proc"
local process = require "corosync.lab.process"
local wait = require "corosync.lab.wait"

-- corosync and ip live here, and an ordinary user's PATH often lacks it.
local SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"

local PACKAGES = {
  unshare = "util-linux", nsenter = "util-linux", mount = "mount", ip = "iproute2", tc = "iproute2",
  corosync = "corosync", timeout = "coreutils",
}

-- Each step by its name: the last one that is named has failed.
local PROBE = [[
echo mount; mount -n -t tmpfs tmpfs /run && mount -n -t tmpfs tmpfs /dev/shm || exit
echo bridge; ip link add br0 type bridge || exit
echo veth; ip link add v1 type veth peer name v2]]

local STEPS = {
  mount = "a node's /run and /dev/shm cannot be mounted: %s (does SELinux, AppArmor or a container forbid tmpfs?)",
  bridge = "no network bridge can be made: %s (as root: modprobe bridge)",
  veth = "no pair of network devices can be made: %s (as root: modprobe veth)",
}

local SWITCHES = {
  { "kernel/unprivileged_userns_clone", 0, "unprivileged user namespaces are switched off",
    "sysctl kernel.unprivileged_userns_clone=1" },
  { "kernel/apparmor_restrict_unprivileged_userns", 1, "AppArmor restricts unprivileged user namespaces",
    "sysctl kernel.apparmor_restrict_unprivileged_userns=0" },
  { "user/max_user_namespaces", 0, "no user namespaces are allowed", "sysctl user.max_user_namespaces=10000" },
}

local LIMITS = { "net", "mnt", "pid" }

-- By what unshare says, where no switch of the kernel's explains it.
local CAUSES = {
  { "mount /proc failed", "/proc cannot be mounted, as in a container that hides parts of it (start it with"
    .. " --security-opt systempaths=unconfined)" },
  { "No space left on device", "there are as many namespaces as are allowed, or they are nested too deeply (end other"
    .. " labs, or as root raise the numbers in /proc/sys/user)" },
  { "Resource temporarily unavailable", "this user has too many processes (see ulimit -u)" },
  { "Cannot allocate memory", "the machine has not enough memory left, or no process can be added" },
  { "Invalid argument", "the kernel was built without a kind of namespaces (the lab needs CONFIG_USER_NS, CONFIG_NET_NS"
    .. " and CONFIG_PID_NS)" },
  { "Operation not permitted", "the kernel, seccomp, SELinux or AppArmor forbids it (run the lab as root, or look at"
    .. " dmesg)" },
}

local machine = {}

--- The PATH in which the lab finds its tools.
-- @treturn string
function machine.path()
  local path = uv.os_getenv("PATH")
  return path and path .. ":" .. SYSTEM_FOLDERS or SYSTEM_FOLDERS
end

--- This process's environment with some variables changed, as libuv takes it.
-- @tparam[opt] table extra values by name
-- @treturn table an array of NAME=value
function machine.environment(extra)
  local variables = uv.os_environ()
  variables.PATH = machine.path()
  for name, value in pairs(extra or {}) do variables[name] = value end
  local list = {}
  for name, value in pairs(variables) do list[#list + 1] = name .. "=" .. value end
  return list
end

--- Finds a tool.
-- @tparam string name
-- @treturn string its path, or nil
function machine.find(name)
  for folder in machine.path():gmatch("[^:]+") do
    local path = folder .. "/" .. name
    if uv.fs_access(path, "X") then return path end
  end
end

--- How a lab's outermost process is started.
-- @tparam string script for sh, which becomes the first process of the namespaces
-- @treturn table argv, to which arguments for the script can be added
function machine.unshare(script)
  local flags = proc.is_privileged() and "-nmpf" or "-Urnmpf"
  return { machine.find("unshare"), flags, "--kill-child", "--mount-proc", "sh", "-c", script, "sh" }
end

--- Says why namespaces cannot be made.
-- @tparam boolean privileged whether it was tried without a user namespace
-- @tparam boolean root whether the user is root
-- @tparam function read answers the content of a file, or nil
-- @treturn string reasons with remedies, or nil if none was found
function machine.diagnose(privileged, root, read)
  local reasons = {}
  local function look(file, bad, reason, remedy)
    local value = tonumber(read("/proc/sys/" .. file) or "")
    if value == bad then reasons[#reasons + 1] = ("%s (as root: %s)"):format(reason, remedy) end
  end
  if not privileged then
    for _, switch in ipairs(SWITCHES) do look((table.unpack or unpack)(switch)) end -- luacheck: globals unpack
  end
  for _, kind in ipairs(LIMITS) do
    local name = ("max_%s_namespaces"):format(kind)
    look("user/" .. name, 0, ("no %s namespaces are allowed"):format(kind), ("sysctl user.%s=10000"):format(name))
  end
  local contained = read("/.dockerenv") or read("/run/.containerenv") or (root and not privileged)
  if #reasons == 0 and contained then
    reasons[1] = "this is a container that may not make namespaces (start it with --privileged, or with"
      .. " --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined"
      .. " --security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
  end
  return #reasons > 0 and table.concat(reasons, "; ") or nil
end

local function missing_tools()
  local missing = {}
  for _, tool in ipairs { "unshare", "nsenter", "mount", "ip", "tc", "timeout", "corosync" } do
    if not machine.find(tool) then
      missing[#missing + 1] = ("%s (install %s)"):format(tool, PACKAGES[tool])
    end
  end
  return #missing > 0 and table.concat(missing, ", ") or nil
end

--- Says what a failure of unshare means.
-- @tparam string said its words
-- @treturn string
function machine.cause(said)
  for _, each in ipairs(CAUSES) do
    if said:find(each[1], 1, true) then return each[2] end
  end
  return "for an unknown reason (try: unshare -Urnmpf --mount-proc true)"
end

local function explain(probe)
  local said = table.concat(probe.errors, "; ")
  local step = STEPS[probe.lines[#probe.lines]]
  if step then return nil, step:format(said), "network" end
  if probe.signal ~= 0 then
    return nil, ("namespaces cannot be made: unshare was killed by signal %d"):format(probe.signal), "namespaces"
  end
  -- Namespaces were made then, so no switch forbids them.
  local reasons = not said:find("mount /proc failed", 1, true)
    and machine.diagnose(proc.is_privileged(), uv.getuid() == 0, proc.read)
  return nil, ("namespaces cannot be made: %s: %s"):format(said, reasons or machine.cause(said)), "namespaces"
end

--- Tries whether a lab can be had on this machine.
-- @treturn boolean true; or nil, a message that says what is lacking and what to do, and "tools", "namespaces"
--   or "network"
function machine.check()
  local missing = missing_tools()
  if missing then return nil, "needed and not found: " .. missing, "tools" end
  local probe, message, code = process.spawn(machine.unshare(PROBE), { env = machine.environment() })
  if not probe then return nil, message, code end
  if not wait.until_true(function() return probe.exited end, 10) then
    probe:kill("sigkill")
    return nil, ("namespaces cannot be made: unshare has not ended within 10 s (last step: %s; is the machine"
      .. " overloaded?)"):format(probe.lines[#probe.lines] or "unshare"), "namespaces"
  end
  if probe.code == 0 then return true end
  return explain(probe)
end

return machine
