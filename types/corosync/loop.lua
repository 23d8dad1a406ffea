---@meta corosync.loop
-- Written by `make types` from the doc comments.

--- The one event loop of the process, on libuv through the luv package: a script's timers, sockets and
--- processes share it (`require "luv"`).
---@class corosync.loop
local module = {}

--- Adds a group, before the loop runs or while it does, and activates it; or a service of `corosync.service`, or a
--- handle of `corosync.cpg`, `corosync.cmap`, `corosync.quorum`, `corosync.votequorum` or `corosync.cfg`, which
--- must be removed before it is closed. Adding twice is allowed.
---@param object table|userdata
---@param disconnected? fun(reason:string) called with the reason when a handle's connection is lost: the handle is then removed. Without it the reason goes to stderr. A group has its own.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as the group's `activate` or the handle's `fd`
function module.add(object, disconnected) end

--- Removes a handle: before it is closed, or to let it wait. (A group is removed by `deactivate`, a service by
--- `close`.) Removing an object that is not in the loop does nothing.
---@param object table|userdata
function module.remove(object) end

--- Returns the groups, services and handles in the loop.
---@return table # a set: true by object
function module.objects() end

--- Lets `run` end although an object is still in the loop, as luv's unref does for its handles.
--- Does nothing for an object that is not in the loop.
---@param object table|userdata one that was added; a group stays unreferenced when it reconnects
function module.unref(object) end

--- Runs until a function returns true; it is called in each round. Also ends at `stop`, and when nothing is left to
--- wait for.
---@param is_over fun():any
---@return boolean # false if the loop is running already, or nothing is left to wait for
function module.run_until(is_over) end

--- Runs until `stop`, or until nothing is left to wait for: no group, timer or socket.
---@return boolean # true
function module.run() end

--- Ends `run` after the handler that calls this. Groups stay members: deactivate them to leave, or run again.
---
--- To end the program, call this instead of `os.exit(code, true)` in a handler: luv 1.44, which Debian 12 has, crashes
--- if a Lua state is closed in the same round as one of luv's handles, such as a group's when `disconnected` is called.
function module.stop() end

return module
