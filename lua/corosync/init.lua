--- Lua for the Corosync cluster engine: what a script needs, in one table.
-- `corosync.loop` is loaded when it is first used, so a program with another event loop needs no luv.
-- @module corosync

local core = require "corosync.binding"
local group = require "corosync.group"

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
-- @tparam table handlers functions, or a class
-- @treturn Group

--- The one event loop of the process. See @{corosync.loop}.
-- @table loop

return setmetatable(corosync, {
  __index = function(self, key)
    if key == "loop" then
      self.loop = require "corosync.loop"
      return self.loop
    end
  end,
})
