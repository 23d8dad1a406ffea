-- The status of this host as plain values, for `cpgrun status`, metrics and systemd. It makes no calls to Corosync,
-- which may be paused.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local core = require "corosync.binding"
local counters = require "corosync.group.counters"
local log = require "cpgrun.log"
local services = require "cpgrun.script.services"
local uv = require "luv"

local status = {}

local host -- its state, `native`, and when it started

--- To be called once, when the host has its group.
-- @tparam table state the host's
-- @tparam table native see main.lua
function status.begin(state, native)
  host = { state = state, native = native, started = os.time(), began = core.now() }
end

-- Without the field `reason`, which belongs to the last change.
local function plain_addresses(members)
  local found = {}
  for i, address in ipairs(members or {}) do
    found[i] = { node = address.node, pid = address.pid }
  end
  return found
end

local function describe_view(views)
  local ring, nodes, quorum, settled = nil, nil, nil, nil
  if views then
    ring, nodes, quorum, settled = views:known()
  end
  return {
    ring = ring and { node = ring.node, seq = ring.seq },
    nodes = nodes or {},
    settled = settled ~= nil,
    quorate = quorum and quorum.quorate,
    reason = quorum and quorum.quorate == nil and "no_quorum_provider" or nil,
  }
end

local function describe_group(group)
  local record = group[KEY]
  local found, address = counters.read(record), record.address
  found.name, found.state, found.active = group.name, record.state, Group.is_active(group)
  found.address = address and { node = address.node, pid = address.pid }
  found.members = plain_addresses(record.views and record.views:copy_members())
  found.view = describe_view(record.views)
  return found
end

local function describe_quorum(service)
  local known = services.known_quorum(service)
  return {
    known = known ~= nil,
    quorate = known and known.quorate,
    reason = known and known.quorate == nil and "no_quorum_provider" or nil,
    nodes = known and known.nodes or {},
  }
end

-- Their code is loaded with the first replica: it takes time at the start, and each collector cycle traverses it.
local function replicas()
  local found, registry = {}, package.loaded["corosync.replica.registry"]
  for _, member in pairs(registry and registry.members() or {}) do
    local each = require("corosync.replica.inspection").describe(member)
    each.full, each.learners = plain_addresses(each.full), plain_addresses(each.learners)
    found[#found + 1] = each
  end
  table.sort(found, function(one, other) return one.name < other.name end)
  return found
end

--- Returns whether all replicas of a snapshot serve.
-- @tparam table found
-- @treturn boolean
function status.replicas_serve(found)
  for _, replica in ipairs(found.replicas) do
    if not replica.serving then
      return false
    end
  end
  return true
end

--- Returns the host's current status: strings, numbers, booleans and tables of these. The size is bounded, except for
-- the members and the script's own tasks and elections. Times are in seconds, sizes in bytes.
-- @treturn table version (of this format), name, script, pid, user (its id), versions (cpgrun, lua, corosync),
-- started (as os.time), uptime, handler_errors, memory (lua, rss); ready (whether the group is joined and all replicas
-- serve); group: name, state, active, address, members, view (ring, nodes, settled, quorate, reason), config_changes,
-- reconnects, and what a handle's `counters` returns; quorum: known, quorate, reason, nodes; replicas, each as
-- `corosync.replica.inspection` describes it
function status.snapshot()
  local state, native = host.state, host.native
  local found = {
    version = 1,
    name = log.script,
    script = state.options.script,
    pid = math.floor(uv.os_getpid()), -- luv returns a float
    user = uv.getuid(),
    versions = { cpgrun = native.version, lua = native.lua, corosync = native.corosync },
    started = host.started,
    uptime = core.now() - host.began,
    group = describe_group(state.group),
    quorum = describe_quorum(state.quorum),
    replicas = replicas(),
    handler_errors = log.raised_count(),
    memory = { lua = math.floor(1024 * collectgarbage "count"), rss = uv.resident_set_memory() },
  }
  found.ready = found.group.state == "joined" and status.replicas_serve(found)
  return found
end

return status
