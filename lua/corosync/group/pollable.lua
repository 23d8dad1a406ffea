-- The descriptor of a group for controllers that keep what they poll: the group object's own, and the same through all
-- activations. It follows the present connection's, and a timer makes it readable for what that one does not show.
local core = require "corosync.binding"

local pollable = {}

-- To be called after whatever may have moved events out of the connection's descriptor, or back.
function pollable.show_hidden(group)
  if not group._pollable then
    return
  end
  local hidden = group._state == "idle" or group._handle ~= nil and group._handle:timeout() == 0
  if hidden ~= group._shown then
    group._pollable:arm(hidden and 0 or nil)
    group._shown = hidden
  end
end

-- To be called when there is a connection. True, or nil, message, code.
function pollable.follow(group)
  local ok, message, code = true, nil, nil
  if group._pollable and group._state ~= "idle" then
    ok, message, code = group._pollable:follow(group:_awaited():fd())
  end
  pollable.show_hidden(group)
  return ok, message, code
end

-- To be called before the connection is closed.
function pollable.forget(group)
  if group._pollable then
    group._pollable:follow()
  end
end

-- The descriptor, made when it is first asked for; or nil, message, code.
function pollable.fd(group)
  if not group._pollable then
    local message, code
    group._pollable, message, code = core.pollset()
    local ok = group._pollable
    if ok then
      ok, message, code = pollable.follow(group)
    end
    if not ok then
      group._pollable, group._shown = false, nil
      return nil, message, code
    end
  end
  return group._pollable:fd()
end

return pollable
