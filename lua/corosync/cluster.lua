--- Questions about the cluster that need no group: whether it is quorate, and values of its configuration map.
-- A connection is opened at the first question and kept, because each costs 3 MB of shared memory and 15 ms. A question
-- is a request: 30 µs or more, behind all requests that Corosync has queued, and it blocks while Corosync is stopped.
-- @module corosync.cluster

local errors = require "corosync.errors"
local service = require "corosync.service"

local cluster = {}
local services = {} -- by name and the daemon's user

local OPENERS = {
  cmap = function(given) return service.cmap("icmap", given) end,
  quorum = service.quorum,
}

-- A service of a fork's parent.
local STALE = { wrong_process = true, closed = true }

-- Closes connections that are lost: nothing else dispatches these services.
local function close_lost(kept)
  if kept:timeout() == 0 then
    kept:dispatch()
  end
end

local function ask(name, user, method, ...)
  local key = user and name .. user or name
  if not services[key] then
    local opened, message, code = OPENERS[name] { daemon_user = user }
    if not opened then
      return nil, message, code
    end
    services[key] = opened
  end
  local kept = services[key]
  local value, second, code = kept[method](kept, ...) -- with a value, its type is the second
  close_lost(kept)
  if value == nil and STALE[code] then
    kept:close()
    services[key] = nil
    return ask(name, user, method, ...)
  end
  return value, second, code
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
  local value, kind, code = errors.call("cmap_get", 0, ask, "cmap", daemon_user, "get", key)
  if value == nil then
    return nil, kind, code
  end
  return value, kind
end

--- Returns how many nodes corosync.conf lists, present or not.
-- @tparam[opt] integer daemon_user as for @{corosync.cpg}'s open
-- @treturn integer
-- @error nil, message, code: "no_nodelist", "not_connected", "access"
function cluster.node_count(daemon_user)
  local each, message, code = ask("cmap", daemon_user, "each", "nodelist.node.")
  if not each then
    return nil, message, code
  end
  local found, count = {}, 0
  for key in each do
    local place = key:match "^nodelist%.node%.(%d+)%."
    if place and not found[place] then
      found[place], count = true, count + 1
    end
  end
  if count == 0 then
    return nil, "cannot count the nodes of the cluster: corosync.conf has no nodelist", "no_nodelist"
  end
  return count
end

--- Sets a text in this node's configuration map, which lasts as long as its Corosync.
-- @tparam string key as for `cmap_get`
-- @tparam string value
-- @tparam[opt] integer daemon_user as for @{corosync.cpg}'s open
-- @treturn boolean true
-- @error nil, message, code: "access" (the key is read-only, or this user may not set it), "invalid_param",
-- "name_too_long", "not_connected"
function cluster.cmap_set(key, value, daemon_user)
  return errors.call("cmap_set", 0, ask, "cmap", daemon_user, "set", key, value, "string")
end

return cluster
