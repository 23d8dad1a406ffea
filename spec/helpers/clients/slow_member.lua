-- A member whose handler does not return from its first message until a line comes on stdin and all messages wait.
local cpg = require "corosync.cpg"
local uv = require "luv"
io.stdout:setvbuf "line"

local name, count = arg[1], tonumber(arg[2])
local seen, last, joined = 0, 0, false
local handle
handle = assert(cpg.open {
  reader = { limit = 2 ^ 30 },
  config_change = function() joined = true end,
  lagged = function(_, events) print("lagged", events) end,
  message_received = function(_, message)
    if seen == 0 then
      print "asleep"
      io.read "*l"
      repeat uv.sleep(1) until handle:counters().waiting >= count - 1
    end
    local number = tonumber(message:sub(1, 8))
    assert(number == last + 1, number)
    seen, last = seen + 1, number
  end,
})
assert(handle:join(name))
while seen < count do
  assert(handle:wait(60))
  assert(handle:dispatch())
  if joined == true then
    joined = print "joined"
  end
end
print("seen", seen)
