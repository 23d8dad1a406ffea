-- Sends notifications to the service manager, by the protocol of sd_notify(3). A script below a supervisor (--also)
-- sends them to the supervisor.
local core = require "corosync.binding"
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local uv = require "luv"

local notify = {
  interval = nil, -- seconds between two lines WATCHDOG=1; nil if the service manager wants none
}

local PIPE = 3 -- the descriptor of a script below a supervisor

local SUPERVISOR = "fd:" .. PIPE -- its socket

local send -- function(lines), returns true, or nil and a message; nil without a service manager

local function take(name)
  local value = os.getenv(name)
  uv.os_unsetenv(name) -- programs that the script starts are not the service
  return value
end

local function open_pipe(native)
  local pipe = own(uv.new_pipe(false))
  native.close_on_exec(PIPE)
  pipe:open(PIPE)
  return function(lines) return pipe:write(lines) end
end

--- Reads the service manager's variables, and removes them from the environment. To be called once.
-- @tparam table native see main.lua
function notify.begin(native)
  local socket = take "NOTIFY_SOCKET"
  local microseconds, pid = tonumber(take "WATCHDOG_USEC"), take "WATCHDOG_PID"
  if not socket or socket == "" then
    return
  end
  send = socket == SUPERVISOR and open_pipe(native) or function(lines) return native.notify(socket, lines) end
  if microseconds and microseconds > 0 and (not pid or tonumber(pid) == uv.os_getpid()) then
    notify.interval = microseconds / 2e6
  end
  notify.send "STATUS=starting"
end

--- Returns whether there is a service manager.
-- @treturn boolean
function notify.is_active()
  return send ~= nil
end

--- Returns the environment of a script below this process.
-- @treturn string[] each NAME=VALUE
function notify.environment()
  local environment = { send and "NOTIFY_SOCKET=" .. SUPERVISOR }
  environment[2] = notify.interval and ("WATCHDOG_USEC=%.0f"):format(2e6 * notify.interval)
  return environment
end

--- Sends lines.
-- @tparam string ... each as NAME=VALUE, without control characters
-- @treturn boolean whether they were sent
function notify.send(...)
  local ok, message = send(table.concat({ ... }, "\n") .. "\n")
  if not ok then
    log.warning("%s", message)
  end
  return ok and true or false
end

--- Tells the service manager that a reload begins. READY=1 ends it.
function notify.reloading()
  notify.send("RELOADING=1", ("MONOTONIC_USEC=%.0f"):format(1e6 * core.now()))
end

return notify
