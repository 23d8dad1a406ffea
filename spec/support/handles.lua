-- What the core's specs share: handles that are closed after each spec, and waiting for their events.
local cpg = require "corosync.cpg"

local handles = { made = {} }

function handles.open(given)
  local handle = assert(cpg.open(given or {}))
  table.insert(handles.made, handle)
  return handle
end

function handles.close_all()
  while #handles.made > 0 do
    table.remove(handles.made):close()
  end
end

-- Dispatches until the predicate holds; a real daemon on this machine needs no longer than this.
function handles.dispatch_until(handle, predicate)
  local deadline = os.time() + 10
  while not predicate() do
    assert(os.time() < deadline, "timed out")
    local handled, more = assert(handle:dispatch())
    if handled == 0 and not more then
      handle:wait(1)
    end
  end
end

return handles
