---@meta corosync.lab
-- Written by `make types` from the doc comments.

--- A private Corosync cluster on this machine: up to eight real daemons, each with a network, a /run and a
--- /dev/shm of its own, joined by a bridge that can be cut. For root and for ordinary users, beside other labs
--- and within them. However the program ends, nothing of a lab is left, neither a process nor a file.
---
---    local lab = require "corosync.lab"
---    local cluster = assert(lab.start(3))
---    cluster:partition({ 1, 2 }, { 3 })
---    assert(cluster:wait_members({ 1, 2 }, 10))
---    cluster:stop()
---
--- Functions that wait drive the luv loop when called from plain code; called in a coroutine, they yield and
--- are resumed by the loop that the program runs (in Lua 5.1, nothing yields within a pcall). Nodes are numbers
--- from 1. A wrong argument raises; all else that fails answers `nil, message, code`, after `stop` with the code
--- "stopped".
---@class corosync.lab
local module = {}

---@class corosync.lab.start.options
---@field nodes integer 1 to 8
---@field token? integer totem's token timeout in milliseconds (default: 1000)
---@field transport? string "udpu" or "knet" (default: "udpu")
---@field quorum? boolean false for a Corosync without a quorum provider, to which no side of a cut is quorate (default: true)
---@field timeout? number the longest wait in seconds (default: 30)
---@field output? fun(node:integer,stream:string,line:string) called for each line of a daemon's log (stream "log") and of each program without an own `output` ("out", "err")

--- Starts a cluster and waits until all its daemons see each other.
---@param options integer|corosync.lab.start.options the number of nodes, or a table
---@return corosync.lab.Cluster|nil
---@return string|nil # why it failed
---@return string|nil # "tools", "namespaces" or "network" (what this machine lacks), "not_running" (a daemon ended, the message quotes its log), "timeout"
function module.start(options) end

---@class corosync.lab.Cluster
---@field nodes integer How many nodes there are.
---@field id string The value of COROSYNC_LAB in the environment of all its processes.
local Cluster = {}

--- Splits the network. The links stay up.
---@param ... integer[] the groups: arrays of nodes. Nodes that are not named form one more group together.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "network"
function Cluster:partition(...) end

--- Makes the network whole again.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "network"
function Cluster:heal() end

--- Disturbs what a node sends and receives, by the kernel's traffic control; or no more. The node's link stays whole
--- and where it is: partitions and disturbances know nothing of each other.
---@param node integer
---@param discipline? string what [tc](https://man7.org/linux/man-pages/man8/tc.8.html) takes as the root discipline of a device: "netem loss 5% delay 20ms", where the kernel has netem, or "tbf rate 5mbit burst 10kb latency 50ms", a link that is slow and drops what would wait longer. An end to it when absent.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "network" (tc's own words)
function Cluster:disturb(node, discipline) end

--- Kills a node's daemon (SIGKILL) and waits until it is gone.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 5 s)
function Cluster:kill(node) end

--- Kills a node's host (SIGKILL), the last program run there with the option `host`, and waits until it is gone.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 5 s)
function Cluster:kill_host(node) end

--- Ends a node's daemon in an orderly way (SIGTERM) and waits until it is gone. A paused one is resumed for it.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 15 s)
function Cluster:stop_daemon(node) end

--- Stops a node's daemon without its noticing (SIGSTOP) and waits until it stands. Clients that call it hang.
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 5 s)
function Cluster:pause(node) end

--- Lets a paused daemon go on (SIGCONT).
---@param node integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running" or "timeout" (after 5 s)
function Cluster:resume(node) end

--- Starts a node's daemon anew, killing it first if it runs, and waits until it serves clients. Then starts
--- the node's host again if it had one that no longer runs.
---@param node integer
---@return boolean|nil # true
---@return corosync.lab.process|nil|string # the host's process if one was started; or why it failed
---@return string|nil # "not_running" (the new daemon ended, the message quotes its log), "timeout" (after 30 s) or "spawn"
function Cluster:restart(node) end

--- Waits until a condition holds: it is looked at after each event of the loop and at least every 20 ms.
---@param predicate fun():any called without arguments; it may wait, as `command` does
---@param seconds number the longest wait
---@param what? string is waited for, for the message (default: "condition")
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout"
function Cluster:wait_for(predicate, seconds, what) end

---@class corosync.lab.Cluster.run.options
---@field env? table<string,string> values by name, added to the environment
---@field cwd? string the folder to start in; this program's own when absent
---@field output? fun(line:string,stream:string) called for each line; stream is "out" or "err"
---@field exit? fun(code:integer,signal:integer) called when the program has ended and all its output has been read
---@field host? boolean whether it is the node's host from now on, see `kill_host` and `restart` (default: false)

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
---@param seconds? number the longest it may run: it is killed then (default: 10)
---@return integer|nil # its exit code
---@return string # what it wrote to standard output; or why it failed
---@return string # what it wrote to standard error; or "timeout", "signal" (something killed it) or "spawn"
function Cluster:command(node, argv, seconds) end

--- The nodes that a node's daemon has in its membership. It is read from the daemon's log, so a paused daemon
--- answers, too: what it saw last.
---@param node integer
---@return integer[]|nil # their ids, sorted
---@return string|nil # why it failed
---@return string|nil # "not_running"
function Cluster:members(node) end

--- Waits until each of some nodes has exactly these in its membership.
---@param node_list integer[]
---@param seconds number the longest wait
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout"
function Cluster:wait_members(node_list, seconds) end

--- What a node's daemon has logged so far, all its lives included.
---@param node integer
---@return string # lines, each with its newline
function Cluster:log(node) end

--- Ends everything and waits until all of it is gone. Doing it again does nothing.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "timeout" (after 5 s)
function Cluster:stop() end

return module
