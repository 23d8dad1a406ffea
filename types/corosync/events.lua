---@meta corosync.events
-- Written by `make types` from the doc comments.

---@class corosync.events
local handle = {}

--- Calls the handlers of the events that wait, at most `budget` of them, and never blocks for more.
--- A handler that raises stops nothing: its error goes to the `error` handler, and the next event is delivered.
--- Called inside a handler of the same handle it answers "dispatching", since the order of events must hold.
--- Stands on `cpg_dispatch` (and its like in the other libraries) with CS_DISPATCH_ONE_NONBLOCKING.
---@param budget? integer the most events to handle (default: 1000)
---@return integer|nil # how many events were handled
---@return boolean|string # whether more wait; or why it failed
---@return string|nil # "dispatching", "not_connected" (after all that had arrived was handled), "closed", "wrong_process", "no_memory", "overflow" (its reader has left the group), "no_stack" (this thread has not the stack that it takes, see above)
function handle:dispatch(budget) end

--- Takes the oldest event that waits, or nothing, without blocking: for coroutines, whose handlers may yield.
---@return string|nil # nothing when no event waits; or the event's name: of cpg "message", "config" or "ring", and with a reader "lagged"; of cmap "change"; of quorum "quorum" or "nodelist"; of votequorum "quorum", "nodelist" or "expected_votes"; of cfg "shutdown"
---@return any ... the values that the event's handler would be called with; or why it failed
---@return string|nil # as for dispatch
function handle:receive() end

--- Moves what waits at the daemon into this handle's queue and calls no handler: for whoever must wait inside one. With a
--- reader it takes no more than its limit allows.
---@param seconds? number the longest to wait for something to come from the daemon, whether or not events are queued; while some are, what a reader takes meanwhile is not noticed (default: 0)
---@return boolean|nil # whether events are now queued
---@return string|nil # why it failed
---@return string|nil # "not_connected", "closed", "wrong_process", "dispatching", "no_stack"
function handle:fetch(seconds) end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function handle:stop() end
