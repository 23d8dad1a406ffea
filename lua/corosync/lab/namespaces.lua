--- The namespaces of a lab: one set with the bridges, and in it one set for each node. The first process of the outer
-- pid namespace reads from a pipe that this process holds. However this process ends, the kernel closes the pipe; the
-- first process exits, and the kernel kills all others in its namespace. All files are on tmpfs that only these
-- processes see.
-- @classmod corosync.lab.namespaces

local append = require("corosync.list").append
local process = require "corosync.lab.process"
local procfs = require "corosync.lab.procfs"
local requirements = require "corosync.lab.requirements"
local tools = require "corosync.lab.tools"
local wait = require "corosync.lab.wait"

-- Each node has a process that holds its namespaces. It creates its own link, and gives the other end to pid 1: so all
-- nodes are created in parallel, and the first process need not wait for their namespaces.
local HOLDER = [[
set -e
trap 'echo failed' EXIT
mount -n --bind /run/lab/$1 /run
mount -n -t tmpfs tmpfs /dev/shm
ip link set lo up
ip link add eth0 mtu $2 type veth peer name v$1 mtu $2 netns 1
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
  unshare -nm sh -c "$3" sh $i $4 &
  i=$((i + 1))
done
while read -r line; do :; done
]]

-- Writes to descriptor 3 when it runs, waits for the reply and becomes the program.
local PROGRAM = [[
echo >&3
read -r reply <&3
if [ "$1" ]; then cd -- "$1" || exit 126; else cd -- "$2" 2>/dev/null || cd /; fi
shift 2
exec "$@" 3>&-
]]

local LIMIT = 60 -- seconds, which a healthy machine does not take
local OVERLOADED = ("timed out after %d s (is the machine overloaded?)"):format(LIMIT)
local GONE = "the lab's namespaces are gone (was its first process killed?)"

local Namespaces = {}
Namespaces.__index = Namespaces

local function failed(init)
  if init.exited then
    return true
  end
  for _, line in ipairs(init.lines) do
    if line == "failed" then
      return true
    end
  end
end

-- A killed first process leaves no message.
local function why_failed(init)
  local said = table.concat(init.errors, "; ")
  if said == "" then
    return init.exited and ("their first process ended (exit code %d, signal %d)"):format(init.code, init.signal)
      or "a node's first process ended without a message"
  elseif said:find("unshare", 1, true) then
    said = said .. ": " .. requirements.cause(said)
  end
  return said
end

local function find_holders(self)
  self.init_pid = procfs.children(self.init.pid)[1]
  if not self.init_pid then
    return false
  end
  local outer = {}
  for _, pid in ipairs(procfs.children(self.init_pid)) do
    local inner = procfs.inner_pid(pid)
    if inner then
      outer[inner] = pid
    end
  end
  for _, line in ipairs(self.init.lines) do
    local node, inner = line:match("^holder (%d+) (%d+)$")
    if node then
      self.holders[tonumber(node)] = outer[tonumber(inner)]
    end
  end
  return #self.holders == self.nodes
end

--- Creates the namespaces.
-- @tparam number nodes
-- @tparam number mtu the largest packet of the nodes' links, in bytes
-- @tparam string configuration the text of each node's /run/corosync.conf
-- @tparam table env the environment of all processes in them: an array of NAME=value
-- @tparam number seconds the longest wait
-- @treturn corosync.lab.namespaces or nil, message, code
function Namespaces.new(nodes, mtu, configuration, env, seconds)
  local argv = tools.unshare(INIT)
  append(argv, { ("%d"):format(nodes), configuration, HOLDER, ("%d"):format(mtu) })
  local init, message, code = process.spawn(argv, { env = env })
  if not init then
    return nil, message, code
  end
  local self = setmetatable({ init = init, nodes = nodes, holders = {} }, Namespaces)
  -- Decided now, because the program may change its capabilities later.
  self.has_user_namespace = not procfs.is_privileged()
  wait.until_true(function() return failed(init) or #init.lines >= nodes end, seconds)
  local has_failed, are_made = failed(init), #init.lines >= nodes
  if not has_failed and find_holders(self) then
    return self
  end
  self:stop(LIMIT)
  if has_failed then
    message, code = why_failed(init), "namespaces"
  elseif are_made then
    message, code = "their processes are not visible in /proc (is it mounted with hidepid?)", "namespaces"
  else
    message = ("only %d of %d after %g s (is the machine overloaded?)"):format(#init.lines, nodes, seconds)
    code = "timeout"
  end
  return nil, "the nodes' namespaces could not be created: " .. message, code
end

local function enter(self, pid, flags)
  local argv = { tools.find("nsenter"), "-t", tostring(pid) }
  if self.has_user_namespace then
    append(argv, { "-U", "--preserve-credentials" })
  end
  for flag in flags:gmatch("%S+") do
    argv[#argv + 1] = flag
  end
  argv[#argv + 1] = "--"
  return argv
end

--- Starts a program in a node. `timeout` without a limit forks, instead of nsenter or unshare. A forking nsenter stops
-- itself when its child stops, and would never continue after this process is dead; `unshare --fork` hides that SIGKILL
-- has killed its child. timeout waits for its child and then dies of the same signal.
-- @tparam number node
-- @tparam table argv
-- @tparam table options of corosync.lab.process; and `cwd`, the folder to start in, or `home`, the folder if it exists
-- @treturn corosync.lab.process or nil, message, code
function Namespaces:spawn(node, argv, options)
  local command = enter(self, self.holders[node], "-n -m -p -F")
  append(command, { "timeout", "--foreground", "0", "sh", "-c", PROGRAM, "sh" })
  append(command, { options.cwd or "", options.home or "/" })
  options.greeting = true
  local child, message, code = process.spawn(append(command, argv), options)
  if not child then
    return nil, message, code
  end
  wait.until_true(function() return child.pid or child.exited end, LIMIT)
  if child.pid then
    return child
  end
  local why = table.concat(child.errors, "; ")
  if not child.exited then
    child:kill("sigkill")
    why = OVERLOADED
  elseif self.init.ended then
    why = GONE
  elseif why == "" then
    why = ("it ended (exit code %d, signal %d)"):format(child.code, child.signal)
  end
  return nil, ("%s could not be started on node %d: %s"):format(argv[1], node, why), "spawn"
end

-- Runs a tool in the network namespace of a process. Returns true, or nil, message, "network".
local function configure(self, pid, argv, input)
  local tool, message, code = process.spawn(append(enter(self, pid, "-n"), argv), { env = tools.environment() })
  if not tool then
    return nil, message, code
  end
  tool:write(input)
  tool:close_stdin()
  local status = tool:wait(LIMIT)
  if status == 0 then
    return true
  end
  local said = table.concat(tool.errors, "; "):gsub("; Command failed %-:%d+$", "")
  if not status then
    said = OVERLOADED
  elseif self.init.ended then
    said = GONE
  elseif said:find("qdisc kind is unknown", 1, true) then
    said = said .. " (the kernel lacks it; as root: modprobe sch_netem or sch_tbf)"
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
  return configure(self, self.init_pid, { tools.find("ip"), "-batch", "-" }, table.concat(commands))
end

--- Puts a queueing discipline on both ends of a node's link.
-- @tparam number node
-- @tparam string discipline for tc
-- @treturn boolean true, or nil, message, "network"
function Namespaces:queue(node, discipline)
  local command = "qdisc replace dev %s root %s\n"
  local argv = { tools.find("tc"), "-batch", "-" }
  local fine, message, code = configure(self, self.init_pid, argv, command:format(("v%d"):format(node), discipline))
  if not fine then
    return nil, message, code
  end
  return configure(self, self.holders[node], argv, command:format("eth0", discipline))
end

--- Kills all processes without waiting for their exit.
function Namespaces:kill()
  self.init:kill("sigkill")
end

--- Ends all processes and waits for their exit.
-- @tparam number seconds the longest wait
-- @treturn boolean true, or nil, message, "timeout"
function Namespaces:stop(seconds)
  -- Not by a signal, because the outermost process would exit before those in its namespaces.
  self.init:close_stdin()
  if wait.until_true(function() return self.init.exited end, seconds) then
    return true
  end
  self:kill()
  return nil, ("stop: the nodes' processes did not exit within %g s"):format(seconds), "timeout"
end

return Namespaces
