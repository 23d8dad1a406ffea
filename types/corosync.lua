---@meta corosync
-- Written by `make types` from the doc comments.

--- Lua for the Corosync cluster engine: the modules that a script needs, in one table.
--- `corosync.loop` and `corosync.replica` are loaded when they are first used, so a program with another event loop
--- needs no luv, and one without replicas no lua-messagepack.
---@class corosync
local module = {}

--- Makes a group object. See `corosync.group`.
---@param name string 1 to 128 bytes
---@param handlers corosync.group.new.handlers_or_class|table functions, or a class
---@return corosync.group.Group
function module.group(name, handlers) end

--- The base of all groups' methods.
---@type corosync.group.Group
module.Group = nil

--- The one event loop of the process.
---@type corosync.loop
module.loop = nil

--- Replicated state.
---@type corosync.replica
module.replica = nil

--- Closed process groups, as handles.
---@type corosync.cpg
module.cpg = nil

--- Corosync's configuration map.
---@type corosync.cmap
module.cmap = nil

--- Quorum.
---@type corosync.quorum
module.quorum = nil

--- Votes.
---@type corosync.votequorum
module.votequorum = nil

--- Administration of Corosync.
---@type corosync.cfg
module.cfg = nil

--- The version of lua-corosync.
---@type string
module._VERSION = nil

return module
