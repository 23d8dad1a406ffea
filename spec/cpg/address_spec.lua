local handles = require "spec.helpers.handles"

local open, dispatch_until = handles.open, handles.dispatch_until
local member = handles.member

after_each(handles.close_all)

describe("cpg addresses", function()
  it("are the same object for the same member in every handler", function()
    local seen = {}
    local handle, record = member(nil, {
      message_received = function(address) seen[#seen + 1] = address end,
    })
    assert(handle:send("1"))
    assert(handle:send("2"))
    dispatch_until(handle, function() return #seen == 2 end)
    assert.is_true(rawequal(seen[1], seen[2]))
    assert.is_true(rawequal(seen[1], handle:address()))
    assert.is_true(rawequal(seen[1], record.configs[1].members[1]))
    assert.is_true(rawequal(seen[1], handle:members()[1]))
  end)

  it("are equal across handles, ordered and printable", function()
    local one, other = open():address(), open():address()
    assert.is_false(rawequal(one, other))
    assert.is_true(one == other)
    assert.is_false(one < other)
    assert.equal(("%d:%d"):format(one.node, one.pid), tostring(one))
  end)
end)
