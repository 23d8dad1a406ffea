-- A member of a group, for `cpgrun send` and `cpgrun listen`.
local corosync = require "corosync"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"

local group = {}

-- Joins with handlers. Returns the group, or nil and the exit status.
function group.join(self, options, handlers)
  handlers.pack = options.pack or nil
  handlers.error = function(problem)
    log.raised(problem)
    self:finish(session.FAILED)
  end
  handlers.disconnected = function(reason) self:finish(session.failed(reason)) end
  local own = corosync.group(options.group, handlers)
  local ok, message, code = corosync.loop.add(own)
  if not ok then
    return nil, session.failed(message, code)
  end
  return own
end

return group
