--- Questions about the cluster that need no group: is it quorate, what does its configuration map say.
-- A connection is opened at the first question and kept, since each costs 3 MB of shared memory and 15 ms. A question
-- is a request: 30 µs or more, behind all that Corosync has to handle, and it blocks while Corosync is stopped.
-- @module corosync.cluster

local blaming = require "corosync.blame"
local core = require "corosync.binding"

local cluster = {}
local connections = {}

local STALE = { not_connected = true, wrong_process = true, closed = true }

local open = {
  cmap = function(handlers) return core.cmap.open("icmap", handlers) end,
  quorum = core.quorum.open,
}

-- By the service, and whose the daemon must be.
local function key_of(service, user)
  return user and service .. user or service
end

local function connection(service, user)
  local key = key_of(service, user)
  if connections[key] then
    return connections[key], true
  end
  local handle, message, code = open[service] { daemon_user = user }
  connections[key] = handle
  return handle, message, code
end

-- A kept connection may be from before the daemon's restart or from before a fork: then the question is asked
-- again on a new one.
local function ask(service, user, method, ...)
  local handle, kept, code = connection(service, user)
  if not handle then
    return nil, kept, code
  end
  local answer, message, failed = handle[method](handle, ...) -- of a value, its type is the second
  if answer == nil and STALE[failed] then
    handle:close()
    connections[key_of(service, user)] = nil
    if kept == true then
      return ask(service, user, method, ...)
    end
  end
  return answer, message, failed
end

--- Whether this node's side of the cluster has quorum. After a cut the losing side still has it until Corosync notices
-- the cut, for seconds.
-- @tparam[opt] integer daemon_user as for @{corosync.cpg}'s open
-- @treturn boolean
-- @error nil, message, code: "no_quorum_provider" (corosync.conf names none, so no side counts as quorate),
-- "not_connected", "access"
function cluster.is_quorate(daemon_user)
  local quorate, message, code = ask("quorum", daemon_user, "quorate")
  if quorate == nil then
    return nil, message, code
  end
  return quorate
end

--- The value of a key of Corosync's configuration map.
-- @tparam string key for instance "totem.cluster_name"; 3 to 255 bytes
-- @tparam[opt] integer daemon_user as for @{corosync.cpg}'s open
-- @treturn number|string an integer, a float or a string, as the key is typed
-- @treturn string the type's name
-- @error nil, message, code: "not_exist", "invalid_param", "name_too_long", "out_of_range", "not_connected", "access"
function cluster.cmap_get(key, daemon_user)
  return blaming("cmap_get", -1, ask, "cmap", daemon_user, "get", key)
end

return cluster
