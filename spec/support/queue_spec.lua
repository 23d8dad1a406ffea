local handles = require "spec.helpers.handles"
local process = require "spec_process"

local send = handles.send

local dispatch_until = handles.dispatch_until
local member = handles.member

after_each(handles.close_all)

describe("the event queue", function()
  local function resident_kilobytes()
    for line in io.lines "/proc/self/status" do
      local size = line:match "^VmRSS:%s*(%d+)"
      if size then
        return tonumber(size)
      end
    end
  end

  it("frees its memory after a burst #once", function()
    if os.getenv("LUA"):find "valgrind" or os.getenv("LUA"):find "libasan" then
      return pending "valgrind and AddressSanitizer keep freed memory"
    end
    local count = 0
    -- Used strings are collected at once, so that only the queue's memory is measured.
    local handle = member(nil, {
      message_received = function() count = count + 1 collectgarbage() end,
      reader = { after = 3600, limit = 2 ^ 29 }, -- so that as much of its own may wait
    })
    local message, sent = ("x"):rep(1000000), 0
    collectgarbage()
    process.trim() -- the specs before have left memory that the burst would be put in
    local before = resident_kilobytes()
    while sent < 64 do
      send(handle, message)
      sent = sent + 1
    end
    local deadline = os.time() + 20
    while resident_kilobytes() - before < 50000 and os.time() < deadline do
      handle:wait(0.1)
      handle:fetch()
    end
    assert.is_true(resident_kilobytes() - before >= 50000, "the burst did not wait in the queue")
    dispatch_until(handle, function() return count == sent end)
    handle:dispatch()
    collectgarbage()
    process.trim()
    -- The allocators of some Luas keep much less than the queue held.
    assert.is_true(resident_kilobytes() - before < 25000)
  end)
end)
