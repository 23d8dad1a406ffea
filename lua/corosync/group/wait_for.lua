-- Handles a group's events until a predicate holds: true, or nil, message, code.
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local errors = require "corosync.errors"
local pollfd = require "corosync.group.pollfd"

return function(record, predicate, seconds, action)
  local deadline = core.now() + seconds
  if record.loop then
    record.loop.wake(record) -- for events that are fetched here and not handled
  end
  while not predicate() do
    local handled, more, code = dispatch.dispatch(record, 1)
    if not handled then
      return nil, more, code
    end
    local left = deadline - core.now()
    if (left <= 0 or left ~= left) and not predicate() then
      local why = record.state == "reconnecting" and " (the connection was lost, and has not come back)" or ""
      return errors.failure(action, record.object, ("not within %g s%s"):format(seconds, why), "timeout")
    elseif left > 0 and handled == 0 and record.state ~= "idle" and not predicate() then
      pollfd.source(record):wait(left)
    end
  end
  return true
end
