-- The globals cmap and quorum.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local globals = require "cpgrun.script.globals"
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local recording = require "cpgrun.recording"
local service = require "corosync.service"

local services = {}

local seen -- the last event of quorum

-- Quorum as the script was told last, with `quorate` nil without a provider; nil while Corosync is away.
function services.known_quorum(quorum)
  return quorum[KEY].handle and seen
end

local function note_quorum(tell)
  return function(quorate, nodes, ...)
    seen = { quorate = quorate, nodes = nodes }
    return tell(quorate, nodes, ...)
  end
end

-- Their disconnects are not logged, because the group's are.
local function serve(name, opened, message)
  if not opened then
    return nil, message
  end
  _G[name] = opened
  local ok
  ok, message = loop.add(opened)
  if ok then
    loop.unref(opened)
  end
  return ok, message
end

-- Always logged, because the script may use quorum at any time.
local function warn_of_no_provider(quorum)
  local quorate, message, code = quorum:quorate()
  if quorate == nil and code == "no_quorum_provider" then
    log.warning(message)
  end
end

-- Sets the globals. The group connects first: its error message is the most useful.
function services.open(group)
  local ok, message, code = Group.address(group)
  if code == "not_connected" then
    return nil, message .. "; cpgrun --lab 3 runs a script on a private cluster"
  elseif ok then
    ok, message = serve("cmap", service.cmap("icmap", { error = log.raised }))
  end
  if ok then
    local quorum_change = note_quorum(recording.quorum_change(group, globals.caller "quorum_change"))
    ok, message = serve("quorum", service.quorum { quorum_change = quorum_change, error = log.raised })
  end
  if ok then
    warn_of_no_provider(_G.quorum)
  end
  return ok, message
end

return services
