---@meta cpgrun.lab.commands
-- Written by `make types` from the doc comments.

--- Splits the network.
---@param ... integer[] the groups: arrays of nodes. The nodes that are not named form one more group.
function partition(...) end

--- Reconnects the whole network.
function heal() end

--- Puts a queueing discipline of tc(8) on a node's link, in both directions; without one, removes it.
---@param node integer
---@param discipline? string
function disturb(node, discipline) end

--- Kills a node's Corosync.
---@param node integer
function kill(node) end

--- Kills a node's script.
---@param node integer
function kill_host(node) end

--- Pauses a node's Corosync by SIGSTOP.
---@param node integer
function pause(node) end

--- Continues a paused Corosync.
---@param node integer
function resume(node) end

--- Starts a node's Corosync, after killing a running one, and starts its script if that has ended.
---@param node integer
function restart(node) end

--- Waits until a condition holds.
---@param predicate fun():any
---@param seconds number the longest wait
---@param what? string the condition's name, for the error message
function wait_for(predicate, seconds, what) end

--- Writes a line to the standard input of a node's script.
---@param node integer
---@param line string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running"; nil alone when no script runs there
function write(node, line) end

--- The lines that a node's script has written to standard output, before and after restarts.
---@param node integer
---@return string[]
function output(node) end

--- Hides the nodes' output, or shows it again.
---@param yes boolean
function quiet(yes) end

--- Waits while the loop handles events.
---@param seconds number
function sleep(seconds) end

--- Ends the lab.
---@param status? integer the exit code (default: 0)
function stop(status) end

--- The number of nodes.
---@type integer
nodes = nil
