-- How the running script is stopped and reloaded from outside.
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local script = require "cpgrun.script"
local signals = require "cpgrun.signals"
local supervise = require "cpgrun.supervise"
local systemd = require "cpgrun.systemd"

local control = {}

local function stop(name)
  log.info("stopping on %s", name)
  loop.stop()
end

local reads_input = false

-- The lines are read once a version of the script wants them.
local function read_input()
  if reads_input or not rawget(_G, "line_received") then
    return
  end
  reads_input = true
  local function tell(line)
    local ok, message = script.call("line_received", line)
    if not ok then
      log.raised(message)
    end
  end
  local input = require "cpgrun.script.stdin_lines"(tell, function() tell(nil) end)
  if input then
    input:unref()
  end
end

-- While a script is being loaded, this waits: the script may run luv's loop meanwhile.
local function reload(state)
  state.wants_reload = true
  while state.loaded and state.wants_reload do
    state.loaded, state.wants_reload = false, false
    systemd.reloading()
    require("cpgrun.reload").run(state)
    systemd.reloaded()
    read_input()
    state.loaded = true
  end
end

-- The first SIGINT or SIGTERM stops the loop. A second one, during the leave or while a handler does not return, ends
-- the process, and so does the first while the script loads; below a supervisor that is for the supervisor to decide.
function control.begin(state, native)
  local is_supervised = supervise.is_child()
  for _, handle in pairs(signals.first({ "sigint", "sigterm" }, native, stop, is_supervised)) do
    handle:unref()
  end
  signals.hangup(native, function() reload(state) end, stop)
  native.guard(is_supervised)
  if state.options.watch then
    local ok, message = require "cpgrun.watch"(state.options.script, function() reload(state) end)
    if not ok then
      log.error(message)
    end
  end
end

-- The script has been loaded: it can be reloaded from now on.
function control.loaded(state)
  read_input()
  state.loaded = true
  if state.wants_reload then
    reload(state)
  end
end

-- The script ends, so it is no longer reloaded.
function control.ending(state)
  state.loaded = false
  systemd.stopping()
end

return control
