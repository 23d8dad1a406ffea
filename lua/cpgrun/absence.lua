-- Logs that the script's group is still joining or reconnecting, and that a replica is still not ready.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local core = require "corosync.binding"
local counters = require "corosync.group.counters"
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local uv = require "luv"

local absence = {}

local LONGEST_SILENCE = 60 -- seconds, at first

-- Returns the record of an absence, and its seconds if a warning is due: each time after twice as long. `returns`
-- counts how often the group or replica came back. Between two looks it may return and go away again: that is a new
-- absence.
local function look(is_away, away, first, returns)
  if not is_away then
    return nil
  end
  away = away and away.returns == returns and away or { since = core.now(), returns = returns }
  local seconds = core.now() - away.since
  if seconds < (away.next or first) then
    return away
  end
  away.next = 2 * seconds
  return away, seconds
end

-- A join takes long while the ring keeps breaking, because groups receive nothing then.
local function complain_of_group(group, state, first)
  local record = group[KEY]
  local is_away, joins = record.state ~= "joined" and Group.is_active(group), counters.read(record).config_changes
  local seconds
  state.away, seconds = look(is_away, state.away, first, joins)
  if seconds then
    log.warning(record.state == "reconnecting"
      and "group %s is still disconnected after %.0f s; retrying (see Corosync's log)"
      or "group %s has not joined after %.0f s; still waiting: do the cluster's nodes reach each other? "
      .. "(see corosync-cfgtool -s and Corosync's log)", errors.quote(group.name), seconds)
  end
end

-- While the group is away, its warning is enough.
local function complain_of_replicas(state, first)
  local registry = package.loaded["corosync.replica.registry"]
  for name, member in pairs(registry and registry.members() or {}) do
    local _, why = member:state()
    local seconds
    state.suspended[name], seconds = look(why ~= nil, state.suspended[name], first, member.times_ready)
    if seconds and not state.away then
      log.warning("replica %s is still not ready after %.0f s: %s", errors.quote(name), seconds, why)
    end
  end
end

function absence.watch(group, state)
  -- The script may have set it to 0, a fraction, infinity or not a number; libuv takes whole milliseconds.
  local seconds = type(group.timeout) == "number" and group.timeout == group.timeout and group.timeout or 10
  local pause = math.floor(1000 * math.min(math.max(seconds, 1), LONGEST_SILENCE))
  local timer = own(uv.new_timer())
  local function complain()
    complain_of_group(group, state, pause / 2000)
    complain_of_replicas(state, pause / 2000)
  end
  state.suspended = {}
  complain()
  timer:start(pause, pause, complain)
  timer:unref()
end

return absence
