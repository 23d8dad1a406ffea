-- The handlers of the script's group: what the host logs, and then the script's globals.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local core = require "corosync.binding"
local errors = require "corosync.errors"
local globals = require "cpgrun.script.globals"
local log = require "cpgrun.log"
local loop = require "corosync.loop"

local group_events = {}

-- The group reconnects by itself, unless it was leaving or the script leaves it now. When it has left because handlers
-- lag, or cannot reconnect, the program ends.
local function on_disconnected(state, reason)
  local group = state.group
  local comes_back, ended_by = Group.is_active(group), group[KEY].ended_by
  state.lost, state.away = state.greeted, { since = core.now() }
  state.call("disconnected", reason)
  if Group.is_active(group) then
    log.warning("%s; reconnecting", reason)
  elseif comes_back or ended_by == "not_connected" then
    log.warning("%s", reason)
  else
    log.error(reason)
    state.status = 1
    loop.stop()
  end
end

local function config_change(state)
  local tell = globals.caller "config_change"
  return function(members, left, joined)
    if state.lost then
      state.lost = false
      log.info("rejoined group %s", errors.quote(state.group.name))
    end
    return tell(members, left, joined)
  end
end

local LAG_TOLD, LAG_PAUSE = 1, 10 -- seconds: the shortest lag that is logged, and the pause between two warnings

local function size(bytes)
  return bytes < 1e6 and ("%.1f kB"):format(bytes / 1e3) or ("%.1f MB"):format(bytes / 1e6)
end

-- Logs lagging handlers, but not each time.
local function lagged(state)
  local tell = globals.caller "lagged"
  return function(seconds, events, bytes)
    local now = core.now()
    if seconds >= LAG_TOLD and now >= (state.next_lag or 0) then
      state.next_lag = now + LAG_PAUSE
      log.warning("handlers of group %s lag: %s (%s) wait, the oldest for %.1f s",
        errors.quote(state.group.name), log.count(events, "event"), size(bytes), seconds)
    end
    return tell(seconds, events, bytes)
  end
end

local function reader(options)
  return options.reader_limit > 0 and { limit = options.reader_limit, full = options.reader_full } or nil
end

-- `state`: options, group, call.
function group_events.handlers(state)
  local options = state.options
  return {
    lagged = lagged(state),
    pack = options.pack or options.user ~= nil, -- see set_pack of membership.lua
    reader = reader(options),
    config_change = config_change(state),
    ring_change = globals.caller "ring_change",
    error = log.raised,
    disconnected = function(reason) on_disconnected(state, reason) end,
  }
end

return group_events
