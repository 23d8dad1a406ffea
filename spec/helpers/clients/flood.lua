-- Sends so many numbered messages of so many bytes to a group, so many a second where Corosync takes them.
local cpg = require "corosync.cpg"
local uv = require "luv"

local name, count, size, rate = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local came_back = 0
local handle = assert(cpg.open { message_received = function() came_back = came_back + 1 end })
assert(handle:join(name))
local filling = ("x"):rep(size - 8)
local start = uv.hrtime()
for i = 1, count do
  local message = ("%08d"):format(i) .. filling
  while not handle:send(message) do
    handle:wait(1)
    assert(handle:dispatch())
  end
  while (uv.hrtime() - start) / 1e9 < i / rate do
    handle:wait(0.001)
    assert(handle:dispatch())
  end
end
while came_back < count do
  assert(handle:wait(60), "it does not come back")
  assert(handle:dispatch())
end
print "done"
