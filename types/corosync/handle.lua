---@meta corosync.handle
-- Written by `make types` from the doc comments.

---@class corosync.handle
local self = {}

--- Ends the connection and drops what waits. A member that closes without leaving is seen by the others as "procdown".
--- Closing twice is allowed. In a forked child it answers an error and leaves the parent's connection working.
--- Stands on `cpg_finalize` and its like.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "wrong_process"
function self:close() end

--- Waits until an event may be there. Signals do not end it, but for the error that a hook raises which they have set: the
--- lua program's for Ctrl-C.
---@param seconds? number the longest to wait; for ever when absent
---@return boolean|nil # true when dispatch or receive have something to do, false when the time is over
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process", "not_connected"
function self:wait(seconds) end

--- The descriptor that is readable when events wait. Only wait for it: reading it breaks the connection.
--- Events already fetched do not show on it: dispatch until it answers that no more wait.
--- Stands on `cpg_fd_get` and its like.
---@return integer|nil # the descriptor
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process", "not_connected"
function self:fd() end

--- The descriptor, for controllers of [cqueues](https://github.com/wahern/cqueues): with this method and the next two,
--- `cqueues.poll(handle)` waits for events.
---
--- A controller keeps a descriptor at least until the coroutine that polled it polls something else or ends. It must forget
--- it before `close`, with `cqueues.cancel(handle)`: otherwise the coroutine dies of an error of cqueues', or a later
--- descriptor of the same number is never noticed. This also wakes the coroutines that poll the handle, and so helps after a
--- `fetch`, which takes from the descriptor what they wait for. A group needs nothing of this.
---@return integer # the descriptor, also of a lost connection; -1, which cqueues ignores, when the handle is closed or was opened by a process of which this one is a fork
function self:pollfd() end

--- What to wait for on the descriptor, for cqueues.
---@return string # "r": until it is readable
function self:events() end

--- How long to wait for the descriptor, for cqueues.
---@return integer|nil # 0 seconds when there is something to do that the descriptor does not show: events that were fetched, or to learn why there will be none; else nil, for ever
function self:timeout() end
