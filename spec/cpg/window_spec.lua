local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"

local dispatch_until, fails = handles.dispatch_until, handles.fails
local assert_numbers = handles.assert_numbers
local member = handles.reading_member
after_each(handles.close_all)

describe("the window of a cpg handle", function()
  it("makes send fail with try_again until messages have come back", function()
    local handle, seen, name = member(false, { window = 2 })
    assert(handle:send "1")
    assert(handle:send "2")
    local message = fails("try_again", handle:send "3")
    assert.matches("^cannot send to group '" .. name .. "': the handle's window is full", message)
    dispatch_until(handle, function() return #seen.messages > 0 end)
    assert(handle:send "3")
    dispatch_until(handle, function() return #seen.messages == 3 end)
    assert.same({ "1", "2", "3" }, seen.messages)
  end)

  it("opens when messages enter the queue, so that a handler can send any number", function()
    local handle, seen, sent
    local function send_many()
      for i = 1, 1000 do
        while not handle:send(tostring(i)) do
          assert(handle:fetch(1) ~= nil)
        end
      end
      sent = true
    end
    handle, seen = member(false, {
      message_received = function(_, message)
        table.insert(seen.messages, message)
        if message == "go" then send_many() end
      end,
    })
    assert(handle:send "go")
    dispatch_until(handle, function() return #seen.messages == 1001 end)
    assert.is_true(sent)
    table.remove(seen.messages, 1)
    assert_numbers(seen.messages, 1000)
  end)

  it("counts split messages, and only the handle's own", function()
    local handle, seen = member(false, { window = 1, split = true })
    for i = 1, 3 do
      handles.send(handle, i .. ("x"):rep(1100000))
      fails("try_again", handle:send "more")
      dispatch_until(handle, function() return #seen.messages == i end)
    end
  end)

  it("must be a number of messages", function()
    for _, wrong in ipairs { 0, -1, 1.5, "2", 2 ^ 31 } do
      assert.error_matches(function() cpg.open { window = wrong } end, "field 'window'")
    end
  end)
end)
