--- Questions about the cluster that need no group: whether it is quorate, and values of its configuration map.
-- A connection is opened at the first question and kept, because each costs 3 MB of shared memory and 15 ms. A question
-- is a request: 30 µs or more, behind all requests that Corosync has queued, and it blocks while Corosync is paused.
-- @module corosync.cluster

local errors = require "corosync.errors"
local service = require "corosync.service"

local cluster = {}
local services = {} -- by name and the daemon's user
local node_counts = {} -- by the configuration map's service, until the nodelist changes
local tracks = setmetatable({}, { __mode = "k" }) -- the services that track the nodelist

local function forget_counts()
  node_counts = {}
end

local OPENERS = {
  cmap = function(given)
    given.disconnected = forget_counts
    return service.cmap("icmap", given)
  end,
  quorum = service.quorum,
}

local function key_of(name, user)
  return user and name .. user or name
end

-- A service of a fork's parent.
local STALE = { wrong_process = true, closed = true }

-- Closes connections that are lost: nothing else dispatches these services.
local function close_lost(kept)
  if kept:timeout() == 0 then
    kept:dispatch()
  end
end

local function ask(name, user, method, ...)
  local key = key_of(name, user)
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

local NODELIST = "nodelist.node."

-- The services of forks and of lost connections are others.
local function known_count(key)
  local kept = services[key]
  return kept and node_counts[kept] and kept:dispatch() and node_counts[kept] or nil
end

-- Returns true, or nil, message, code.
local function track_nodelist(key, user)
  if services[key] and tracks[services[key]] then
    return true
  end
  local tracker, message, code = ask("cmap", user, "track", NODELIST, forget_counts)
  if tracker then
    tracks[services[key]] = true
  end
  return tracker and true, message, code
end

-- Returns how many nodes the keys of the list belong to; or nil, message, code.
local function count_nodes(user)
  local each, message, code = ask("cmap", user, "each", NODELIST)
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

--- Returns how many nodes corosync.conf lists, present or not. Corosync is asked only if the list may have changed.
-- @tparam[opt] integer daemon_user as for @{corosync.cpg}'s open
-- @treturn integer
-- @error nil, message, code: "no_nodelist", "not_connected", "access"
function cluster.node_count(daemon_user)
  local key = key_of("cmap", daemon_user)
  local count = known_count(key)
  if count then
    return count
  end
  local ok, message, code = track_nodelist(key, daemon_user)
  if not ok then
    return nil, message, code
  end
  count, message, code = count_nodes(daemon_user)
  if count and tracks[services[key]] then
    node_counts[services[key]] = count
  end
  return count, message, code
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
