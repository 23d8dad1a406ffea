---@meta corosync.lab
-- Written by `make types` from the doc comments.

--- A private Corosync cluster on this machine: up to eight real daemons, each with its own network, /run and /dev/shm,
--- connected by bridges that can be split. It works for root and for ordinary users, beside other labs and inside them.
--- However the program ends, a lab leaves neither processes nor files behind.
---
---    local lab = require "corosync.lab"
---    local cluster = assert(lab.start(3))
---    cluster:partition({ 1, 2 }, { 3 })
---    assert(cluster:wait_members({ 1, 2 }, 10))
---    cluster:stop()
---
--- Functions that wait run the luv loop when called from plain code. In a coroutine they yield, and the loop that the
--- program runs resumes them (in Lua 5.1, nothing yields within a pcall). Nodes are numbers from 1. A wrong argument
--- raises; other failures return `nil, message, code`, after `stop` with the code "stopped".
---@class corosync.lab
local module = {}

---@class corosync.lab.start.options
---@field nodes integer 1 to 8
---@field token? integer totem's token timeout in milliseconds (default: 1000)
---@field transport? string "udpu" or "knet" (default: "udpu")
---@field totem? table<string,integer> further numeric settings of corosync.conf's section totem, such as `{ netmtu = 8900, window_size = 300 }`: see corosync.conf(5)
---@field mtu? integer the largest packet of the nodes' links in bytes; 9000 for jumbo frames (default: 1500)
---@field quorum? boolean false for a Corosync without a quorum provider: no partition is quorate (default: true)
---@field timeout? number the longest wait in seconds (default: 60)
---@field output? fun(node:integer,stream:string,line:string) called for each line of a daemon's log (stream "log") and of each program that has no `output` of its own ("out", "err")

--- Starts a cluster and waits until all its daemons see each other.
---@param options integer|corosync.lab.start.options the number of nodes, or a table
---@return corosync.lab.Cluster|nil
---@return string|nil # why it failed
---@return string|nil # "tools", "namespaces" or "network" (this machine lacks them), "not_running" (a daemon has ended, the message quotes its log), "timeout"
function module.start(options) end

---@class corosync.lab.Cluster
---@field nodes integer The number of nodes.
---@field id string The value of COROSYNC_LAB in the environment of all processes in the lab.
local Cluster = {}

--- Waits until a condition holds. It is checked after each event of the loop and at least every 20 ms.
---@param predicate fun():any called without arguments; it may wait, as `command` does
---@param seconds number the longest wait
---@param what? string the condition's name, for the message (default: "condition")
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout"
function Cluster:wait_for(predicate, seconds, what) end

--- Ends all processes of the lab and waits for their exit. Further calls do nothing.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout" (after 30 s)
function Cluster:stop() end

--- Splits the network. The links stay up.
---@param ... integer[] the groups: arrays of nodes. The nodes that are not named form one more group.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "network"
function Cluster:partition(...) end

--- Reconnects the whole network.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "network"
function Cluster:heal() end

--- Disturbs a node's traffic in both directions by a queueing discipline of the kernel, or removes the discipline. The
--- link stays up and connected: partitions and disturbances are independent.
---@param node integer
---@param discipline? string a root discipline for [tc](https://man7.org/linux/man-pages/man8/tc.8.html): "netem loss 5% delay 20ms", if the kernel has netem, or "tbf rate 5mbit burst 10kb latency 50ms" for a slow link, which drops packets that would wait longer. Without it, the present one is removed.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "network" (with tc's message)
function Cluster:disturb(node, discipline) end

--- Kills a node's daemon by SIGKILL and waits for its exit.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 30 s)
function Cluster:kill(node) end

--- Stops a node's daemon by SIGTERM and waits for its exit. A paused one is resumed first.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 60 s)
function Cluster:stop_daemon(node) end

--- Pauses a node's daemon by SIGSTOP and waits until it has taken effect. Calls of its clients hang.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 30 s)
function Cluster:pause(node) end

--- Continues a paused daemon by SIGCONT.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 30 s)
function Cluster:resume(node) end

--- Starts a node's daemon, after killing a running one, and waits until it serves clients. Then starts the node's host
--- again if that has ended.
---@param node integer
---@return boolean|nil # true
---@return corosync.lab.process|nil|string # the host's process if one was started; or why it failed
---@return string|nil # "not_running" (the new daemon has ended, the message quotes its log), "timeout" (after 60 s) or "spawn"
function Cluster:restart(node) end

--- The nodes in the membership of a node's daemon. They are read from its log, so for a paused daemon they are the last
--- ones it logged.
---@param node integer
---@return integer[]|nil # their ids, sorted
---@return string|nil # why it failed
---@return string|nil # "not_running"
function Cluster:members(node) end

--- Waits until the membership of each node in a list is exactly that list.
---@param node_list integer[]
---@param seconds number the longest wait
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout"
function Cluster:wait_members(node_list, seconds) end

--- The log of a node's daemon, before and after restarts.
---@param node integer
---@return string # lines, each with its newline
function Cluster:log(node) end

---@class corosync.lab.Cluster.run.options
---@field env? table<string,string> values by name, added to the environment
---@field cwd? string the folder to start in; this program's own when absent
---@field output? fun(line:string,stream:string) called for each line; stream is "out" or "err"
---@field exit? fun(code:integer,signal:integer) called when the program has ended and all its output is read
---@field host? boolean whether it becomes the node's host, for `kill_host` and `restart` (default: false)

--- Starts a program in a node, as a client of its daemon.
---@param node integer
---@param argv string[] the program, looked up in PATH, and its arguments
---@param options? corosync.lab.Cluster.run.options
---@return corosync.lab.process|nil
---@return string|nil # why it failed
---@return string|nil # "spawn"
function Cluster:run(node, argv, options) end

--- Runs a program in a node to its end.
---@param node integer
---@param argv string[] as for `run`
---@param seconds? number the time after which it is killed (default: 60)
---@return integer|nil # its exit code
---@return string # its standard output; or why it failed
---@return string # its standard error; or "timeout", "signal" (something killed it) or "spawn"
function Cluster:command(node, argv, seconds) end

--- Kills a node's host by SIGKILL and waits for its exit. The host is the last program run there with the option
--- `host`.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 30 s)
function Cluster:kill_host(node) end

return module
