--- Lua for the Corosync cluster engine: the modules that a script needs, in one table.
-- `corosync.loop` and `corosync.replica` are loaded when they are first used, so a program with another event loop
-- needs no luv, and one without replicas no lua-messagepack.
-- @module corosync

local core = require "corosync.binding"
local group = require "corosync.group"
local script_calls = require "corosync.script_calls"

local corosync = {
  _VERSION = core._VERSION,
  cpg = core.cpg,
  cmap = core.cmap,
  quorum = core.quorum,
  votequorum = core.votequorum,
  cfg = core.cfg,
  Group = group.Group,
  group = group.new,
}

--- Makes a group object. See @{corosync.group}.
-- @function group
-- @tparam string name 1 to 128 bytes
-- @tparam corosync.group.new.handlers_or_class|table handlers functions, or a class
-- @treturn corosync.group.Group

--- The base of all groups' methods.
-- @tfield corosync.group.Group Group

--- The one event loop of the process.
-- @tfield corosync.loop loop

--- Replicated state.
-- @tfield corosync.replica replica

--- Closed process groups, as handles.
-- @tfield corosync.cpg cpg

--- Corosync's configuration map.
-- @tfield corosync.cmap cmap

--- Quorum.
-- @tfield corosync.quorum quorum

--- Votes.
-- @tfield corosync.votequorum votequorum

--- Administration of Corosync.
-- @tfield corosync.cfg cfg

--- The version of lua-corosync.
-- @tfield string _VERSION

return setmetatable(corosync, {
  __index = function(self, key)
    if key == "loop" or key == "replica" then
      self[key] = script_calls.require("corosync." .. key)
      return self[key]
    end
  end,
})
