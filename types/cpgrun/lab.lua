---@meta cpgrun.lab
-- Written by `make types` from the doc comments.

--- Splits the network.
---@param ... integer[] the groups: arrays of nodes. Nodes that are not named form one more group together.
function partition(...) end

--- Makes the network whole again.
function heal() end

--- Puts a discipline of tc(8) on a node's link, both ways; ends it when there is none.
---@param node integer
---@param discipline? string
function disturb(node, discipline) end

--- Kills a node's Corosync.
---@param node integer
function kill(node) end

--- Kills a node's script.
---@param node integer
function kill_host(node) end

--- Stops a node's Corosync, unnoticed by itself.
---@param node integer
function pause(node) end

--- Lets a paused Corosync go on.
---@param node integer
function resume(node) end

--- Starts a node's Corosync anew, killing one that runs, and its script if that has ended.
---@param node integer
function restart(node) end

--- Waits until a condition holds.
---@param predicate fun():any
---@param seconds number the longest wait
---@param what? string is waited for, for the message
function wait_for(predicate, seconds, what) end

--- Gives a line to a node's script on its standard input.
---@param node integer
---@param line string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running"; nil alone when no script runs there
function write(node, line) end

--- The lines that a node's script has written to standard output, all its lives included.
---@param node integer
---@return string[]
function output(node) end

--- Hides the nodes' output, or shows it again.
---@param yes boolean
function quiet(yes) end

--- Lets time pass, in which events are served.
---@param seconds number
function sleep(seconds) end

--- Ends the lab.
---@param status? integer the exit code (default: 0)
function stop(status) end

--- How many nodes there are.
---@type integer
nodes = nil
