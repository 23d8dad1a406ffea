-- Long messages of handles that pack: whole or not at all, to the same members, at the same place in the order.
local handles = require "spec.helpers.handles"
local uv = require "luv"

local MEGABYTE = 1000000

-- Waits on the descriptor as a loop of its own does.
local function is_readable(handle)
  local found, is_over = false, false
  local poll, timer = uv.new_poll(assert(handle:fd())), uv.new_timer()
  poll:start("r", function() found = true end)
  timer:start(10000, 0, function() is_over = true end)
  repeat
    uv.run "once"
  until found or is_over
  poll:close()
  timer:close()
  return found
end

describe("a long message", function()
  after_each(handles.close_all)

  it("goes on when the reader has taken its pieces while the program did something else", function()
    local got
    local handle = handles.member(nil, { pack = true, reader = true,
      message_received = function(_, message) got = message end })
    local message = ("0123456789"):rep(MEGABYTE / 2)
    assert(handle:send(message))
    while not got do
      uv.sleep(100)
      assert.is_true(is_readable(handle), "the descriptor does not show that pieces can be sent")
      assert(handle:dispatch())
    end
    assert.is_true(got == message)
  end)

  it("goes on in a program that waits for the descriptor when receive has found nothing", function()
    local handle = handles.member(nil, { pack = true })
    local message, got = ("0123456789"):rep(MEGABYTE / 2)
    assert(handle:send(message))
    while not got do
      local event, _, text = handle:receive()
      got = event == "message" and text
      if not event then
        assert.is_true(is_readable(handle), "the descriptor does not show that pieces can be sent")
      end
    end
    assert.is_true(got == message)
  end)

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
