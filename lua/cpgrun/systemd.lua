-- Notifies systemd of the script: ready, status, watchdog, reloading, stopping.
local bytes_as_text = require "cpgrun.bytes_as_text"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local notify = require "cpgrun.systemd.notify"
local own = require "corosync.own_handles"
local status = require "cpgrun.status"
local uv = require "luv"

local systemd = {}

local FIRST, LONGEST = 0.1, 5 -- seconds between two checks, before the script is ready and after

local state, timer -- of the host; nil without a service manager
local is_ready, text = false, nil -- as sent to systemd last
local rate = { messages = 0, since = nil }

-- ---- the line for systemctl status ----

local ABSENT = {
  idle = "it has left",
  joining = "waiting for Corosync to let it join",
  leaving = "it is leaving",
  left = "it has left",
  reconnecting = "Corosync is away; reconnecting",
}

local function quorum_of(found)
  if not found.quorum.known then
    return ""
  elseif found.quorum.quorate == nil then
    return ", no quorum provider"
  end
  return found.quorum.quorate and ", quorate" or ", not quorate"
end

-- Messages per second, measured over a few seconds.
local function rate_of(found)
  local now, messages = core.now(), found.group.received
  if not rate.since or now - rate.since >= LONGEST then
    rate.text = (", %.0f messages/s"):format(rate.since and (messages - rate.messages) / (now - rate.since) or 0)
    rate.since, rate.messages = now, messages
  end
  return rate.text
end

local function describe_group(found)
  local group, name = found.group, errors.quote(found.group.name)
  if group.state ~= "joined" then
    return ("group %s: not joined: %s"):format(name, ABSENT[group.state])
  end
  return ("group %s: %s%s%s"):format(name, log.count(#group.members, "member"), quorum_of(found), rate_of(found))
end

local function describe(found)
  local parts = { describe_group(found) }
  for _, replica in ipairs(found.replicas) do
    if not replica.serving then
      parts[#parts + 1] = ("replica %s is not ready: %s"):format(errors.quote(replica.name), replica.why)
    end
  end
  return (bytes_as_text(table.concat(parts, "; ")):gsub("%c", " "))
end

-- ---- while the script runs ----

-- A group that was joined once counts, even if the script has left it or it is disconnected now.
local function has_begun(found)
  return state.greeted and status.replicas_serve(found)
end

local function look()
  local found = status.snapshot()
  local present = describe(found)
  if present ~= text and notify.send("STATUS=" .. present) then
    text = present
  end
  if not is_ready and has_begun(found) and notify.send "READY=1" then
    is_ready = true
    local pause = math.floor(1000 * math.min(LONGEST, notify.interval or LONGEST))
    timer:start(pause, math.max(pause, 1), look)
  end
  if notify.interval then
    notify.send "WATCHDOG=1"
  end
end

--- Starts notifying systemd, if it has started this process.
-- @tparam table host_state the host's
function systemd.begin(host_state)
  if not notify.is_active() then
    return
  end
  state, timer = host_state, own(uv.new_timer())
  timer:start(0, math.max(1, math.floor(1000 * math.min(FIRST, notify.interval or FIRST))), look)
  timer:unref()
end

--- Tells systemd that the script is being reloaded. Does nothing if the script is not ready yet.
function systemd.reloading()
  if is_ready then
    notify.reloading()
  end
end

--- The script has been reloaded, or continues after a failed reload. If the notification fails, the next check sends
-- it.
function systemd.reloaded()
  if is_ready then
    is_ready = notify.send "READY=1"
  end
end

--- Tells systemd that the script is stopping.
function systemd.stopping()
  if state then
    timer:stop()
    notify.send("STOPPING=1", "STATUS=leaving the group")
  end
end

return systemd
