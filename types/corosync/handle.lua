---@meta corosync.handle
-- Written by `make types` from the doc comments.

---@class corosync.handle
local self = {}

--- Closes the connection and drops queued events. Other members see a member that closes without leaving as "procdown".
--- If Corosync does not reply within 3 s, for example because it is paused, this returns within another 2 s, and Corosync
--- sees the end of the connection when it continues. With `qb_ipc_type: socket` there is no limit.
--- Closing twice is allowed. In a forked child it fails and leaves the parent's connection open.
--- Calls `cpg_finalize` and the like.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "wrong_process"
function self:close() end

--- Waits until an event may be there. A signal does not end it, unless the signal's handler sets a hook that raises, as the
--- lua program's does for Ctrl-C.
---@param seconds? number the longest wait; without it there is no limit
---@return boolean|nil # true when dispatch or receive have something to do, false after that time
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process", "not_connected"
function self:wait(seconds) end

--- The descriptor that is readable when events wait. Only wait for it: reading it breaks the connection.
--- Events already fetched do not make it readable: dispatch until it returns that no more wait.
--- Calls `cpg_fd_get` and the like.
---@return integer|nil # the descriptor
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process", "not_connected"
function self:fd() end

--- The descriptor, for controllers of [cqueues](https://github.com/wahern/cqueues): with this method and the next two,
--- `cqueues.poll(handle)` waits for events.
---
--- A controller keeps a descriptor at least until the coroutine that polled it polls something else or ends. Call
--- `cqueues.cancel(handle)` before `close`: otherwise cqueues raises an error in the coroutine, or never notices a later
--- descriptor of the same number. `cancel` also wakes the coroutines that poll the handle, which is useful after a `fetch`,
--- because the descriptor does not show fetched events. A group does this by itself.
---@return integer # the descriptor, also of a lost connection; -1, which cqueues ignores, when the handle is closed or was opened by the process from which this one was forked
function self:pollfd() end

--- The condition to wait for on the descriptor, for cqueues.
---@return string # "r": until it is readable
function self:events() end

--- How long to wait for the descriptor, for cqueues.
---@return integer|nil # 0 seconds when there is something to do that the descriptor does not show: fetched events, or a failure to report; else nil, no limit
function self:timeout() end
