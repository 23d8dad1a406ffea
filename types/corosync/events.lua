---@meta corosync.events
-- Written by `make types` from the doc comments.

---@class corosync.events
local handle = {}

--- Calls the handlers of at most `budget` waiting events, and never waits for more.
--- After a handler that raises, its error goes to the `error` handler, and the next event is delivered.
--- Called inside a handler of the same handle it fails with "dispatching", because it would change the order of events.
--- Calls `cpg_dispatch` (and the like in the other libraries) with CS_DISPATCH_ONE_NONBLOCKING.
---@param budget? integer the most events to handle (default: 1000)
---@return integer|nil # the number of events handled
---@return boolean|string # whether more wait; or why it failed
---@return string|nil # "dispatching", "not_connected" (after all events that had arrived were handled), "closed", "wrong_process", "no_memory", "overflow" (its reader has left the group), "no_stack" (this thread's stack is too small, see above)
function handle:dispatch(budget) end

--- Ends the running dispatch after the handler that calls this; outside of a handler it does nothing.
function handle:stop() end

--- Returns the oldest waiting event, or nothing, without blocking: for coroutines, whose handlers may yield.
---@return string|nil # nothing when no event waits; or the event's name: of cpg "message", "config" or "ring", with a reader "lagged", and with `pack` "error" for members that send no frames; of cmap "change"; of quorum "quorum" or "nodelist"; of votequorum "quorum", "nodelist" or "expected_votes"; of cfg "shutdown"
---@return any ... the arguments of the event's handler; or why it failed
---@return string|nil # as for dispatch
function handle:receive() end

--- Moves events that wait at the daemon into this handle's queue without calling handlers: for code that must wait inside a
--- handler. With a reader it takes no more than the reader's limit allows.
---@param seconds? number the longest wait for an event from the daemon, whether or not events are queued; while some are, events that a reader takes meanwhile do not end the wait (default: 0)
---@return boolean|nil # whether events are now queued
---@return string|nil # why it failed
---@return string|nil # "not_connected", "closed", "wrong_process", "dispatching", "no_stack"
function handle:fetch(seconds) end
