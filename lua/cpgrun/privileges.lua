-- Gives up root for the user of --user.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local connection = require "corosync.group.connection"

local privileges = {}

-- Opens all connections that the script may need, because another user may not be allowed to.
local function connect_all(group)
  local ok, message, code = connection.open_views(group[KEY])
  if ok then
    ok, message, code = Group.is_quorate(group)
  end
  if ok ~= nil or code == "no_quorum_provider" then
    ok, message, code = Group.cmap_get(group, "totem.version")
  end
  return ok ~= nil or code == "not_exist", message
end

-- Returns true, or nil and a message.
function privileges.drop(group, options, native)
  if not options.user or options.check then
    return true
  end
  local ok, message = connect_all(group)
  if ok then
    ok, message = native.become(options.user)
  end
  return ok, message
end

return privileges
