-- The metrics of cpgrun. Most values are read from the host's status when a page is requested. Only the durations of
-- handlers and commands are measured when they occur, and only with --metrics or --metrics-file.
local KEY = require "corosync.private"
local callers = require "corosync.replica.member.callers"
local counters = require "corosync.group.counters"
local family = require "cpgrun.metrics.family"
local handlers = require "corosync.group.handlers"
local registry = require "corosync.replica.registry"
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local status = require "cpgrun.status"

local host = {}

local families = {} -- in their order
local by_name = {}

local function define(kind, name, help, ...)
  local made = family.new(kind, "cpgrun_" .. name, help, { ... }, nil, function() end)
  families[#families + 1], by_name[name] = made, made
end

define("gauge", "build_info", "The versions in use; always 1.", "version", "lua", "corosync")
define("gauge", "lua_memory_bytes", "Memory in use by Lua.")
define("gauge", "lua_memory_limit_bytes", "The limit of --memory-limit.")
define("counter", "handler_errors_total", "Errors that functions of the script have raised.")
define("gauge", "quorate", "Whether this node's side of the cluster has quorum.")
define("gauge", "group_joined", "Whether this process is a member of the group now.", "group")
define("gauge", "group_members", "Members of the group.", "group")
define("counter", "messages_sent_total", "Messages that Corosync has accepted, or that were packed.", "group")
define("counter", "sent_bytes_total", "Bytes in these messages.", "group")
define("counter", "messages_received_total", "Messages that were passed to handlers, with this process's own.", "group")
define("counter", "received_bytes_total", "Bytes in these messages.", "group")
define("counter", "send_failures_total", "Sends that have failed.", "group", "code")
define("counter", "config_changes_total", "Changes of the group's members.", "group")
define("counter", "reconnects_total", "Reconnects to Corosync.", "group")
define("gauge", "queue_events", "Events that wait for handlers.", "group")
define("gauge", "queue_bytes", "Memory of the events that wait for handlers.", "group")
define("gauge", "backlog_bytes", "Bytes of this process's own messages that wait for handlers.", "group")
define("gauge", "handler_lag_seconds", "How long the oldest waiting event has waited.", "group")
define("histogram", "message_handler_duration_seconds", "Duration of message_received.", "group")
define("gauge", "replica_serving", "Whether the replica is ready on this member, or follows as an observer.", "replica")
define("gauge", "replica_index", "Index of the last command that this member has applied.", "replica")
define("counter", "replica_commands_applied_total", "Commands that this member has applied.", "replica", "machine")
define("gauge", "replica_full_members", "Members that have the state and confirm commands.", "replica")
define("gauge", "replica_learners", "Members that are getting the state, and observers.", "replica")
define("gauge", "replica_waiting_commands", "Commands of this member that wait for their results.", "replica")
define("counter", "replica_failures_total", "Commands and requests of this member that have failed.", "replica", "code")
define("histogram", "replica_command_duration_seconds", "Time from a command's submission to its result.", "replica")
define("counter", "replica_snapshots_sent_total", "States that were sent to other members.", "replica")
define("counter", "replica_snapshot_sent_bytes_total", "Bytes of these states as sent so far.", "replica")
define("gauge", "replica_locks", "Locks and elections that are held in the replica.", "replica")
define("gauge", "replica_locks_held", "Locks that this process holds.", "replica")
define("gauge", "replica_elections_held", "Elections in which this process leads.", "replica")
define("gauge", "replica_map_keys", "Keys in a map.", "replica", "map")

-- Metrics whose values are not read from the status.
local KEPT = { message_handler_duration_seconds = true, replica_command_duration_seconds = true }

local function set(name, value, labels)
  local series = value ~= nil and by_name[name]:at(labels or {})
  if series then
    series.value = type(value) == "boolean" and (value and 1 or 0) or value
  end
end

-- ---- groups ----

local FROM_COUNTERS = {
  messages_sent_total = "sent",
  sent_bytes_total = "sent_bytes",
  messages_received_total = "received",
  received_bytes_total = "received_bytes",
  config_changes_total = "config_changes",
  reconnects_total = "reconnects",
  queue_events = "waiting",
  queue_bytes = "waiting_bytes",
  backlog_bytes = "backlog",
  handler_lag_seconds = "lag",
}

local function set_group(record)
  local labels, counted = { group = record.object.name }, counters.read(record)
  set("group_joined", record.state == "joined", labels)
  set("group_members", record.views and #(record.views:copy_members() or {}) or 0, labels)
  for name, field in pairs(FROM_COUNTERS) do
    set(name, counted[field], labels)
  end
  for code, count in pairs(counted.send_failures) do
    set("send_failures_total", count, { group = record.object.name, code = code })
  end
end

-- Returns the records of the script's group and of the groups in the loop, including those of replicas. The script's
-- group has a name once the script has been loaded or has activated it.
local function group_records(main)
  local found = {}
  if main[KEY].state ~= "idle" or not main[KEY].hooks.activates_to_send then
    found[main[KEY]] = true
  end
  for object in pairs(loop.objects()) do
    local record = type(object) == "table" and object[KEY]
    if record and not record.pending then -- no service
      found[record] = true
    end
  end
  return found
end

-- ---- replicas ----

local function count_held(list)
  local held = 0
  for _, each in ipairs(list) do
    held = held + (each.held and 1 or 0)
  end
  return held
end

local function set_replica(replica)
  local labels = { replica = replica.name }
  set("replica_serving", replica.serving, labels)
  set("replica_index", replica.index, labels)
  set("replica_full_members", #replica.full, labels)
  set("replica_learners", #replica.learners, labels)
  set("replica_waiting_commands", replica.waiting, labels)
  set("replica_locks", replica.lock_count, labels)
  set("replica_locks_held", count_held(replica.locks), labels)
  set("replica_elections_held", count_held(replica.elections), labels)
  for _, map in ipairs(replica.maps) do
    set("replica_map_keys", map.keys, { replica = replica.name, map = map.name })
  end
end

local function set_counted(member)
  local labels = { replica = member.name }
  set("replica_snapshots_sent_total", member.outgoing.snapshots, labels)
  set("replica_snapshot_sent_bytes_total", member.outgoing.snapshot_bytes, labels)
  for machine, count in pairs(member.machines.applied) do
    set("replica_commands_applied_total", count, { replica = member.name, machine = machine })
  end
  for code, count in pairs(member.callers.failures) do
    set("replica_failures_total", count, { replica = member.name, code = code })
  end
end

-- ---- all ----

local function clear()
  for name, each in pairs(by_name) do
    if not KEPT[name] then
      each:clear()
    end
  end
end

-- Returns the families with their current values. `group`: the script's.
function host.read(group)
  local found = status.snapshot()
  clear()
  set("build_info", 1, found.versions and { version = found.versions.cpgrun, lua = found.versions.lua,
    corosync = found.versions.corosync })
  set("lua_memory_bytes", found.memory.lua)
  set("lua_memory_limit_bytes", log.memory_limit)
  set("handler_errors_total", found.handler_errors)
  set("quorate", found.quorum.quorate)
  for record in pairs(group_records(group)) do
    set_group(record)
  end
  for _, replica in ipairs(found.replicas) do
    set_replica(replica)
  end
  for _, member in pairs(registry.members()) do
    set_counted(member)
  end
  return families
end

local SPARE = family.new("histogram", "", "", {}, nil, nil):at {} -- for groups beyond the limit of series

-- Starts measuring durations: of groups that connect later, and of replicas.
function host.measure()
  local observe = family.observe
  handlers.timed = function(record)
    local series -- made at the first message: the script's group gets its name after it has connected
    return function(seconds)
      series = series or by_name.message_handler_duration_seconds:at { group = record.object.name } or SPARE
      observe(series, seconds)
    end
  end
  callers.timed = function(name, seconds)
    local series = by_name.replica_command_duration_seconds:at { replica = name }
    if series then
      observe(series, seconds)
    end
  end
end

return host
