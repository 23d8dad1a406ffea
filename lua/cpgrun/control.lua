-- How the running script is stopped and reloaded from outside.
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local signals = require "cpgrun.signals"

local control = {}

local function stop(name)
  log.info("stopping on %s", name)
  loop.stop()
end

-- A script that is still being loaded is reloaded after that.
local function reload(state)
  if state.loaded then
    state.wants_reload = false
    require("cpgrun.reload").run(state)
  else
    state.wants_reload = true
  end
end

-- The first SIGINT or SIGTERM stops the loop. A second one, during the leave or while a handler does not return, ends
-- the process, and so does the first while the script loads.
function control.begin(state, facts)
  for _, handle in pairs(signals.first({ "sigint", "sigterm" }, facts, stop)) do
    handle:unref()
  end
  signals.hangup(facts, function() reload(state) end, stop)
  facts.guard()
end

-- The script has been loaded: it can be reloaded from now on.
function control.loaded(state)
  state.loaded = true
  if state.wants_reload then
    reload(state)
  end
  if state.chosen.watch then
    local ok, message = require "cpgrun.watch"(state.chosen.script, function() reload(state) end)
    if not ok then
      log.error(message)
    end
  end
end

return control
