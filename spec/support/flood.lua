-- Sends so many numbered messages of so many bytes to a group, as fast as Corosync takes them.
local cpg = require "corosync.cpg"

local name, count, size = arg[1], tonumber(arg[2]), tonumber(arg[3])
local came_back = 0
local handle = assert(cpg.open { message_received = function() came_back = came_back + 1 end })
assert(handle:join(name))
local filling = ("x"):rep(size - 8)
for i = 1, count do
  local message = ("%08d"):format(i) .. filling
  while not handle:send(message) do
    handle:wait(1)
    assert(handle:dispatch())
  end
end
while came_back < count do
  assert(handle:wait(10), "it does not come back")
  assert(handle:dispatch())
end
print "done"
