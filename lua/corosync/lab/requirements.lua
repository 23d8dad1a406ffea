--- Checks whether this machine can run a lab, and finds the remedy when it cannot.
-- @module corosync.lab.requirements

local uv = require "luv"
local process = require "corosync.lab.process"
local procfs = require "corosync.lab.procfs"
local tools = require "corosync.lab.tools"
local wait = require "corosync.lab.wait"

local LIMIT = 60 -- seconds, which a healthy machine does not take

local PACKAGES = {
  unshare = "util-linux", nsenter = "util-linux", mount = "mount", ip = "iproute2", tc = "iproute2",
  corosync = "corosync", timeout = "coreutils",
}

-- Prints the name of each step before it: the last name is that of the failed step.
local PROBE = [[
echo mount; mount -n -t tmpfs tmpfs /run && mount -n -t tmpfs tmpfs /dev/shm || exit
echo bridge; ip link add br0 type bridge || exit
echo veth; ip link add v1 type veth peer name v2]]

local STEPS = {
  mount = "a node's /run and /dev/shm cannot be mounted: %s (does SELinux, AppArmor or a container forbid tmpfs?)",
  bridge = "no network bridge can be created: %s (as root: modprobe bridge)",
  veth = "no pair of network devices can be created: %s (as root: modprobe veth)",
}

local SWITCHES = {
  { "kernel/unprivileged_userns_clone", 0, "unprivileged user namespaces are switched off",
    "sysctl kernel.unprivileged_userns_clone=1" },
  { "kernel/apparmor_restrict_unprivileged_userns", 1, "AppArmor restricts unprivileged user namespaces",
    "sysctl kernel.apparmor_restrict_unprivileged_userns=0" },
  { "user/max_user_namespaces", 0, "no user namespaces are allowed", "sysctl user.max_user_namespaces=10000" },
}

local LIMITS = { "net", "mnt", "pid" }

-- By unshare's message, when no setting of the kernel explains it.
local CAUSES = {
  { "mount /proc failed", "/proc cannot be mounted, as in a container that hides parts of it (start it with"
    .. " --security-opt systempaths=unconfined)" },
  { "No space left on device", "the limit of namespaces is reached, or they are nested too deeply (stop other"
    .. " labs, or as root raise the numbers in /proc/sys/user)" },
  { "Resource temporarily unavailable", "this user has too many processes (see ulimit -u)" },
  { "Cannot allocate memory", "the machine is out of memory, or allows no more processes" },
  { "Invalid argument", "the kernel lacks a kind of namespaces (the lab needs CONFIG_USER_NS, CONFIG_NET_NS"
    .. " and CONFIG_PID_NS)" },
  { "Operation not permitted", "the kernel, seccomp, SELinux or AppArmor forbids it (run the lab as root, or see"
    .. " dmesg)" },
}

local requirements = {}

--- Finds out why namespaces cannot be created.
-- @tparam boolean privileged whether the attempt was made without a user namespace
-- @tparam boolean root whether the user is root
-- @tparam function read returns the content of a file, or nil
-- @treturn string reasons with remedies, or nil
function requirements.diagnose(privileged, root, read)
  local reasons = {}
  local function look(file, bad, reason, remedy)
    local value = tonumber(read("/proc/sys/" .. file) or "")
    if value == bad then
      reasons[#reasons + 1] = ("%s (as root: %s)"):format(reason, remedy)
    end
  end
  if not privileged then
    for _, switch in ipairs(SWITCHES) do
      look((table.unpack or unpack)(switch)) -- luacheck: globals unpack
    end
  end
  for _, kind in ipairs(LIMITS) do
    local name = ("max_%s_namespaces"):format(kind)
    look("user/" .. name, 0, ("no %s namespaces are allowed"):format(kind), ("sysctl user.%s=10000"):format(name))
  end
  local contained = read("/.dockerenv") or read("/run/.containerenv") or (root and not privileged)
  if #reasons == 0 and contained then
    reasons[1] = "this container may not create namespaces (start it with --privileged, or with"
      .. " --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined"
      .. " --security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
  end
  return #reasons > 0 and table.concat(reasons, "; ") or nil
end

local function missing_tools()
  local missing = {}
  for _, tool in ipairs { "unshare", "nsenter", "mount", "ip", "tc", "timeout", "corosync" } do
    if not tools.find(tool) then
      missing[#missing + 1] = ("%s (install %s)"):format(tool, PACKAGES[tool])
    end
  end
  return #missing > 0 and table.concat(missing, ", ") or nil
end

--- Explains a failure of unshare.
-- @tparam string said its message
-- @treturn string
function requirements.cause(said)
  for _, each in ipairs(CAUSES) do
    if said:find(each[1], 1, true) then
      return each[2]
    end
  end
  return "for an unknown reason (try: unshare -Urnmpf --mount-proc true)"
end

local function explain(probe)
  local said = table.concat(probe.errors, "; ")
  local step = STEPS[probe.lines[#probe.lines]]
  if step then
    return nil, step:format(said), "network"
  end
  if probe.signal ~= 0 then
    return nil, ("namespaces cannot be created: unshare was killed by signal %d"):format(probe.signal), "namespaces"
  end
  -- That failure comes after the namespaces, so no setting forbids them.
  local reasons = not said:find("mount /proc failed", 1, true)
    and requirements.diagnose(procfs.is_privileged(), uv.getuid() == 0, procfs.read)
  return nil, ("namespaces cannot be created: %s: %s"):format(said, reasons or requirements.cause(said)), "namespaces"
end

--- Tries to create namespaces and network devices like those of a lab.
-- @treturn boolean true; or nil, a message with the missing part and its remedy, and "tools", "namespaces" or "network"
function requirements.check()
  local missing = missing_tools()
  if missing then
    return nil, "missing programs: " .. missing, "tools"
  end
  local probe, message, code = process.spawn(tools.unshare(PROBE), { env = tools.environment() })
  if not probe then
    return nil, message, code
  end
  if not wait.until_true(function() return probe.exited end, LIMIT) then
    probe:kill("sigkill")
    return nil, ("namespaces cannot be created: unshare did not exit within %d s (last step: %s; is the machine"
      .. " overloaded?)"):format(LIMIT, probe.lines[#probe.lines] or "unshare"), "namespaces"
  end
  if probe.code == 0 then
    return true
  end
  return explain(probe)
end

return requirements
