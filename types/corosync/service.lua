---@meta corosync.service
-- Written by `make types` from the doc comments.

--- Connections to the configuration map, quorum, votequorum and cfg that reconnect: when Corosync goes and comes back,
--- they are opened anew, with the same trackers.
---
---    local service = require "corosync.service"
---    local map = assert(service.cmap("icmap", { connected = function() print "values may have changed" end }))
---    map:track("shop.", function(event, key, new) print(event, key, new) end)
---    corosync.loop.add(map)
---
--- A service has the methods of the handle that it stands for, see `corosync.cmap`, `corosync.quorum`,
--- `corosync.votequorum` and `corosync.cfg`. While Corosync is away they return nil, message, "not_connected" at once;
--- as soon as it is back they work, also before the loop has noticed.
--- Corosync must run when a service is opened. Add it to a loop, or call `dispatch` when `fd` is readable.
---@class corosync.service
local module = {}

--- The handlers that every service may have.
---@class corosync.service.handlers
---@field disconnected fun(reason:string)|nil called when Corosync has gone
---@field connected fun()|nil called when it is connected again

---@class corosync.service.Service
local Service = {}

--- Calls the handlers of the events that wait, and reconnects when it is time to. Loops call it.
---@param budget? integer the most events to handle (default: 1000)
---@return integer|nil # how many were handled
---@return boolean|string # whether more wait; or why it failed
---@return string|nil # "closed", "dispatching", "wrong_process", "no_stack"
function Service:dispatch(budget) end

--- Returns the oldest event that waits, as the handle's `receive` does, and reconnects when it is time to. The handlers
--- `disconnected` and `connected` are called as by `dispatch`. Use it instead of `dispatch`.
---@return string|nil # nothing when no event waits; or the event's name
---@return any ... the values that the event's handler would be called with; or why it failed
---@return string|nil # as for dispatch
function Service:receive() end

--- Ends the running dispatch after the handler that calls this; without one it does nothing.
function Service:stop() end

--- The descriptor to wait for: the same as long as the service is open.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "closed"
function Service:fd() end

--- Waits until dispatch may have something to do.
---@param seconds? number the longest to wait; without it, for ever
---@return boolean|nil # whether it may
---@return string|nil # why it failed
---@return string|nil # "closed"
function Service:wait(seconds) end

--- The descriptor for controllers of [cqueues](https://github.com/wahern/cqueues), as of `corosync.handle`.
---@return integer # the descriptor; -1, which cqueues ignores, when it is closed
function Service:pollfd() end

--- The events to wait for on the descriptor, for cqueues.
---@return string # "r": until it is readable
function Service:events() end

--- How long to wait for the descriptor, for cqueues.
---@return integer|nil # 0 seconds when there is something to do that the descriptor does not show; else nil, for ever
function Service:timeout() end

--- Whether the service is connected.
---@return boolean
function Service:is_connected() end

--- Closes the service, and removes it from its loop.
---@return boolean # true
function Service:close() end

---@class corosync.service.Tracker
local Tracker = {}

--- Ends the tracker, also while Corosync is away.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as the map's tracker
function Tracker:cancel() end

--- Begins to report changes, as the handle's method does: of a map those of a key, by a tracker that it returns.
---@param ... any as for the handle
---@return corosync.service.Tracker|boolean|nil
---@return string|nil # why it failed
---@return string|nil # as the handle's
function Service:track(...) end

--- Ends tracking.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil
function Service:untrack() end

--- The configuration map.
---@param map? string as for `cmap.open` (default: "icmap")
---@param given? corosync.cmap.open.handlers|corosync.service.handlers those of `cmap.open` as well. When it is connected again values may have changed, and the trackers report only later changes
---@return corosync.service.Service|corosync.cmap.map|nil
---@return string|nil # why it failed
---@return string|nil # as `cmap.open`
function module.cmap(map, given) end

--- Quorum. Its handlers are called with the present state when the connection comes back.
---@param handlers? corosync.quorum.open.handlers|corosync.service.handlers those of `quorum.open` as well
---@return corosync.service.Service|corosync.quorum.handle|nil
---@return string|nil # why it failed
---@return string|nil # as `quorum.open`
function module.quorum(handlers) end

--- Votequorum. Its handlers are called with the present state when the connection comes back.
---@param handlers? corosync.votequorum.open.handlers|corosync.service.handlers those of `votequorum.open` as well
---@return corosync.service.Service|corosync.votequorum.handle|nil
---@return string|nil # why it failed
---@return string|nil # as `votequorum.open`
function module.votequorum(handlers) end

--- Cfg.
---@param handlers? corosync.cfg.open.handlers|corosync.service.handlers those of `cfg.open` as well
---@return corosync.service.Service|corosync.cfg.handle|nil
---@return string|nil # why it failed
---@return string|nil # as `cfg.open`
function module.cfg(handlers) end

return module
