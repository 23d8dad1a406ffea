---@meta corosync.lab.process
-- Written by `make types` from the doc comments.

---@class corosync.lab.process
---@field lines string[] What it wrote to standard output so far.
---@field errors string[] What it wrote to standard error so far.
---@field pid integer|nil The real process, as seen from where the lab was started.
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

--- Ends the process's standard input, after what was written. Doing it again does nothing.
---@return boolean # true
function Process:close_stdin() end

--- Sends the process a signal.
---@param signal? string|number a name, as "sigkill" or "KILL", or a number (default: "sigterm")
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_running"
function Process:kill(signal) end

--- Waits until the process has ended and its output has been read.
---@param seconds number the longest wait
---@return integer|nil # its exit code
---@return integer|string # the signal that killed it; 0 for none; or why it failed
---@return string|nil # "timeout"
function Process:wait(seconds) end
