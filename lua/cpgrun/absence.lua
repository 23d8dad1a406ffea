-- Logs that the script's group is still joining or reconnecting.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local core = require "corosync.binding"
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local uv = require "luv"

local absence = {}

local LONGEST_SILENCE = 60 -- seconds, at first

-- Warns each time after twice as long. A join takes long while the ring keeps breaking, because groups receive nothing
-- then.
local function complain_of_absence(group, state, first)
  local away = state.away or { since = core.now() }
  local seconds = core.now() - away.since
  state.away = group[KEY].state ~= "joined" and Group.is_active(group) and away or nil
  if state.away and seconds >= (away.next or first) then
    away.next = 2 * seconds
    log.warning(group[KEY].state == "reconnecting"
      and "group %s is still disconnected after %.0f s; retrying (see Corosync's log)"
      or "group %s has not joined after %.0f s; still waiting: do the cluster's nodes reach each other? "
      .. "(see corosync-cfgtool -s and Corosync's log)", errors.quote(group.name), seconds)
  end
end

function absence.watch(group, state)
  -- The script may have set it to 0, a fraction, infinity or not a number; libuv takes whole milliseconds.
  local seconds = type(group.timeout) == "number" and group.timeout == group.timeout and group.timeout or 10
  local pause = math.floor(1000 * math.min(math.max(seconds, 1), LONGEST_SILENCE))
  local timer = own(uv.new_timer())
  state.away = { since = core.now() }
  timer:start(pause, pause, function() complain_of_absence(group, state, pause / 2000) end)
  timer:unref()
end

return absence
