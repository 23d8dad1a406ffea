-- Records the script's groups: for `cpgrun check`, which sets CPGRUN_HISTORY, or into the file of --trace.
local KEY = require "corosync.private"
local handlers = require "corosync.group.handlers"

local recording = {}

-- Loads the recorder only when it is needed. Returns true, or nil and a message.
function recording.start(options)
  local folder = os.getenv "CPGRUN_HISTORY"
  if options.check then
    return true
  elseif options.trace then
    return require("corosync.history").trace(options.trace)
  end
  return not folder or require("corosync.history").record(folder)
end

-- Wraps `tell` to record changes of quorum too. They belong to no group, so they are recorded with the script's.
function recording.quorum_change(group, tell)
  return function(quorate, ...)
    handlers.observe(group[KEY], "quorum_change", quorate)
    return tell(quorate, ...)
  end
end

return recording
