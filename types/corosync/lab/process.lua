---@meta corosync.lab.process
-- Written by `make types` from the doc comments.

---@class corosync.lab.process
---@field lines string[] Its standard output so far.
---@field errors string[] Its standard error so far.
---@field pid integer|nil Its pid in the namespace of the program that started the lab.
---@field exited boolean Whether it has ended.
---@field code integer|nil Its exit code, once it has ended.
---@field signal integer|nil The signal that killed it, once it has ended; 0 for none.
local Process = {}

--- Writes to the process's standard input.
---@param text string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running"
function Process:write(text) end

--- Closes the process's standard input after pending writes. Further calls do nothing.
---@return boolean # true
function Process:close_stdin() end

--- Sends the process a signal.
---@param signal? string|number a name, as "sigkill" or "KILL", or a number (default: "sigterm")
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running"
function Process:kill(signal) end

--- Waits until the process has ended and its output is read.
---@param seconds number the longest wait
---@return integer|nil # its exit code
---@return integer|string # the signal that killed it; 0 for none; or why it failed
---@return string|nil # "timeout"
function Process:wait(seconds) end
