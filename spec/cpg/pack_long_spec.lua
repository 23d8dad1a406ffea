-- Long messages of handles that pack: whole or not at all, to the same members, at the same place in the order.
local handles = require "spec.helpers.handles"
local uv = require "luv"

describe("a long message", function()
  after_each(handles.close_all)

  it("costs the reader no CPU while it waits for a slow handler", function()
    local handle, used
    handle = handles.member(nil, { pack = true, reader = true, message_received = function(_, message)
      if message == "slow" then
        assert(handle:send "first")
        assert(handle:send "second")
        used = os.clock()
        uv.sleep(1000)
        used = os.clock() - used
      end
    end })
    assert(handle:send "slow")
    handles.dispatch_until(handle, function() return used end)
    assert.is_true(used < 0.5, ("%.2f s of CPU in a second of sleep"):format(used))
  end)
end)
