local handles = require "spec.helpers.handles"

local fails, member, send = handles.fails, handles.member, handles.send

after_each(handles.close_all)

describe("handle:counters", function()
  it("counts messages and bytes that were sent, and those that were passed to handlers", function()
    local handle, record = member()
    send(handle, "four")
    send(handle, { "a", "b" })
    local first = handle:counters()
    assert.same({ 2, 6, 0, 0 }, { first.sent, first.sent_bytes, first.received, first.received_bytes })
    handles.dispatch_until(handle, function() return #record.messages == 2 end)
    assert.same({ 2, 6 }, { handle:counters().received, handle:counters().received_bytes })
  end)

  it("does not count messages that were refused", function()
    local handle = member()
    fails("too_big", handle:send(("x"):rep(1047553)))
    assert.equal(0, handle:counters().sent)
  end)

  it("counts packed messages one by one", function()
    local handle, record = member(nil, { pack = true })
    for _ = 1, 10 do
      send(handle, "abc")
    end
    assert(handle:flush())
    handles.dispatch_until(handle, function() return #record.messages == 10 end)
    local counted = handle:counters()
    assert.same({ 10, 30, 10, 30 }, { counted.sent, counted.sent_bytes, counted.received, counted.received_bytes })
  end)

  it("reports events that wait for handlers, and for how long", function()
    local handle, record = member()
    handles.dispatch_until(handle, function() return #record.rings > 0 end)
    send(handle, "one")
    send(handle, "two")
    local deadline = os.time() + 60
    repeat
      handle:fetch(1)
    until handle:counters().waiting == 2 or os.time() > deadline
    local counted = handle:counters()
    assert.equal(2, counted.waiting)
    assert.is_true(counted.waiting_bytes >= counted.backlog and counted.backlog > 6)
    assert.is_true(counted.lag >= 0)
    handle:dispatch()
    counted = handle:counters()
    assert.same({ 0, 0, 0, 0 }, { counted.waiting, counted.waiting_bytes, counted.backlog, counted.lag })
  end)

  it("fails after close", function()
    local handle = member()
    handle:close()
    fails("closed", handle:counters())
  end)
end)
