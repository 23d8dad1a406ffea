-- Interfaces to other programs: metrics, the control socket, and notifications to the service manager.
local control_socket = require "cpgrun.socket"
local status = require "cpgrun.status"
local systemd = require "cpgrun.systemd"

local outlets = {}

local metrics, socket_folder -- nil if not used

-- The code is loaded only if it is used, because each collector cycle traverses it.
local function open_metrics(state)
  local options = state.options
  if options.check or not options.metrics and not options.metrics_file then
    return true
  end
  local message
  metrics, message = require("cpgrun.metrics").open(state)
  return metrics ~= nil, message
end

--- To be called before the group connects, because its handlers are measured, and before root is given up, because the
-- port and the socket's folder may need root.
-- @treturn boolean true, or false and a message
function outlets.prepare(state, native)
  status.begin(state, native)
  local ok, message = open_metrics(state)
  socket_folder = ok and control_socket.prepare(state.options, native) or nil
  return ok, message
end

--- Opens the control socket. To be called after root was given up, before the script is loaded.
function outlets.open(native)
  if socket_folder then
    control_socket.open(socket_folder, native)
  end
end

--- The script has been loaded.
function outlets.begin(state)
  if metrics then
    metrics.begin()
  end
  systemd.begin(state)
end

--- Closes all, and removes the socket and the file. May be called more than once.
function outlets.close()
  if metrics then
    metrics.close()
  end
  control_socket.close()
end

return outlets
