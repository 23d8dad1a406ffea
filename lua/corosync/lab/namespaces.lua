--- The namespaces of a lab: one set that holds the bridges, within it one for each node.
-- All of it hangs on one process that reads from a pipe which we hold: however our process ends, the kernel
-- closes the pipe, that process ends, and with it, as the first of its pid namespace, every other one.
-- Every file is on file systems in memory that only these processes see.
-- @classmod corosync.lab.namespaces

local machine = require "corosync.lab.machine"
local proc = require "corosync.lab.proc"
local process = require "corosync.lab.process"
local wait = require "corosync.lab.wait"

-- A holder makes its own link, with the far end given to pid 1: so nobody has to wait for its namespace to
-- exist, and all nodes are made side by side.
local HOLDER = [[
set -e
trap 'echo failed' EXIT
mount -n --bind /run/lab/$1 /run
mount -n -t tmpfs tmpfs /dev/shm
ip link set lo up
ip link add eth0 type veth peer name v$1 netns 1
ip addr add 10.9.0.$1/24 dev eth0
ip link set eth0 up
echo holder $1 $$
exec sleep infinity >/dev/null 2>&1
]]

local INIT = [[
set -e
mount -n -t tmpfs tmpfs /run
mount -n -t tmpfs tmpfs /dev/shm
ip link set lo up
i=0
while [ $i -le $1 ]; do
  ip link add br$i type bridge
  ip link set br$i up
  i=$((i + 1))
done
i=1
while [ $i -le $1 ]; do
  mkdir -p /run/lab/$i/state
  printf %s "$2" >/run/lab/$i/corosync.conf
  unshare -nm sh -c "$3" sh $i &
  i=$((i + 1))
done
while read -r line; do :; done
]]

-- Says on descriptor 3 that it runs, waits for the answer and becomes the program.
local PROGRAM = [[
echo >&3
read -r answer <&3
if [ "$1" ]; then cd -- "$1" || exit 126; else cd -- "$2" 2>/dev/null || cd /; fi
shift 2
exec "$@" 3>&-
]]

local Namespaces = {}
Namespaces.__index = Namespaces

local function failed(init)
  if init.exited then return true end
  for _, line in ipairs(init.lines) do
    if line == "failed" then return true end
  end
end

-- The first process may have been killed, which leaves no word.
local function why_failed(init)
  local said = table.concat(init.errors, "; ")
  if said == "" then
    return init.exited and ("their first process ended (exit code %d, signal %d)"):format(init.code, init.signal)
      or "a node's first process ended without a word"
  elseif said:find("unshare", 1, true) then
    said = said .. ": " .. machine.cause(said)
  end
  return said
end

local function find_holders(self)
  self.init_pid = proc.children(self.init.pid)[1]
  if not self.init_pid then return false end
  local outer = {}
  for _, pid in ipairs(proc.children(self.init_pid)) do
    local inner = proc.inner_pid(pid)
    if inner then outer[inner] = pid end
  end
  for _, line in ipairs(self.init.lines) do
    local node, inner = line:match("^holder (%d+) (%d+)$")
    if node then self.holders[tonumber(node)] = outer[tonumber(inner)] end
  end
  return #self.holders == self.nodes
end

--- Makes the namespaces.
-- @tparam number nodes how many
-- @tparam string configuration the text of each node's /run/corosync.conf
-- @tparam table env for every process in them: an array of NAME=value
-- @tparam number seconds the longest wait
-- @treturn corosync.lab.namespaces or nil, message, code
function Namespaces.new(nodes, configuration, env, seconds)
  local argv = machine.unshare(INIT)
  for _, value in ipairs { ("%d"):format(nodes), configuration, HOLDER } do argv[#argv + 1] = value end
  local init, message, code = process.spawn(argv, { env = env })
  if not init then return nil, message, code end
  local self = setmetatable({ init = init, nodes = nodes, holders = {} }, Namespaces)
  -- Decided now: the program may change its capabilities later, the namespaces stay as they were made.
  self.has_user_namespace = not proc.is_privileged()
  wait.until_true(function() return failed(init) or #init.lines >= nodes end, seconds)
  local has_failed, are_made = failed(init), #init.lines >= nodes
  if not has_failed and find_holders(self) then return self end
  self:stop(5)
  if has_failed then message, code = why_failed(init), "namespaces"
  elseif are_made then
    message, code = "their processes are not to be seen in /proc (is it mounted with hidepid?)", "namespaces"
  else
    message = ("%d of %d were made within %g s (is the machine overloaded?)"):format(#init.lines, nodes, seconds)
    code = "timeout"
  end
  return nil, "the nodes' namespaces could not be made: " .. message, code
end

local function enter(self, pid, flags)
  local argv = { machine.find("nsenter"), "-t", tostring(pid) }
  if self.has_user_namespace then
    argv[#argv + 1] = "-U"
    argv[#argv + 1] = "--preserve-credentials"
  end
  for flag in flags:gmatch("%S+") do argv[#argv + 1] = flag end
  argv[#argv + 1] = "--"
  return argv
end

local function append(argv, more)
  for i = 1, #more do argv[#argv + 1] = more[i] end
  return argv
end

--- Starts a program in a node.
-- nsenter does not fork, `timeout` without a limit does instead. nsenter stops itself when its child stops, and
-- once we are dead nobody would ever continue it; `unshare --fork` loses that its child was killed by SIGKILL;
-- timeout waits on and then dies of the same signal as its child.
-- @tparam number node
-- @tparam table argv
-- @tparam table options of corosync.lab.process, and `cwd`, or `home`: where to be if that folder exists
-- @treturn corosync.lab.process or nil, message, code
function Namespaces:spawn(node, argv, options)
  local command = enter(self, self.holders[node], "-n -m -p -F")
  append(command, { "timeout", "--foreground", "0", "sh", "-c", PROGRAM, "sh" })
  append(command, { options.cwd or "", options.home or "/" })
  options.greeting = true
  local child, message, code = process.spawn(append(command, argv), options)
  if not child then return nil, message, code end
  wait.until_true(function() return child.pid or child.exited end, 10)
  if child.pid then return child end
  local why = table.concat(child.errors, "; ")
  if not child.exited then
    child:kill("sigkill")
    why = "timed out after 10 s (is the machine overloaded?)"
  elseif self.init.ended then
    why = "the lab's namespaces are gone (was its first process killed?)"
  elseif why == "" then
    why = ("it ended (exit code %d, signal %d)"):format(child.code, child.signal)
  end
  return nil, ("%s could not be started on node %d: %s"):format(argv[1], node, why), "spawn"
end

-- Runs a tool in the network that a process is in. True, or nil, message, "network".
local function configure(self, pid, argv, input)
  local tool, message, code = process.spawn(append(enter(self, pid, "-n"), argv), { env = machine.environment() })
  if not tool then return nil, message, code end
  tool:write(input)
  tool:close_stdin()
  local status = tool:wait(10)
  if status == 0 then return true end
  local said = table.concat(tool.errors, "; "):gsub("; Command failed %-:%d+$", "")
  if not status then
    said = "timed out after 10 s (is the machine overloaded?)"
  elseif self.init.ended then
    said = "the lab's namespaces are gone (was its first process killed?)"
  elseif said:find("qdisc kind is unknown", 1, true) then
    said = said .. " (the kernel lacks it: as root, modprobe sch_netem or sch_tbf)"
  end
  return nil, "the network could not be changed: " .. said, "network"
end

--- Connects each node's port to a bridge.
-- @tparam table bridge_of the number of the bridge by node
-- @treturn boolean true, or nil, message, "network"
function Namespaces:connect(bridge_of)
  local commands = {}
  for node = 1, self.nodes do
    commands[node] = ("link set v%d master br%d up\n"):format(node, bridge_of[node])
  end
  return configure(self, self.init_pid, { machine.find("ip"), "-batch", "-" }, table.concat(commands))
end

--- Puts a queueing discipline on both ends of a node's link.
-- @tparam number node
-- @tparam string discipline as tc takes it
-- @treturn boolean true, or nil, message, "network"
function Namespaces:queue(node, discipline)
  local command = "qdisc replace dev %s root %s\n"
  local argv = { machine.find("tc"), "-batch", "-" }
  local fine, message, code = configure(self, self.init_pid, argv, command:format(("v%d"):format(node), discipline))
  if not fine then return nil, message, code end
  return configure(self, self.holders[node], argv, command:format("eth0", discipline))
end

--- Makes an end of everything without waiting for it.
function Namespaces:kill()
  self.init:kill("sigkill")
end

--- Ends everything and waits until it is gone.
-- @tparam number seconds the longest wait
-- @treturn boolean true, or nil, message, "timeout"
function Namespaces:stop(seconds)
  -- Not by a signal: the outermost process would be gone before the ones in its namespaces.
  self.init:close_stdin()
  if wait.until_true(function() return self.init.exited end, seconds) then return true end
  self:kill()
  return nil, ("stop: the nodes' processes are not gone after %g s"):format(seconds), "timeout"
end

return Namespaces
