-- A member that lists its group's members at each line of input.
local corosync = require "corosync"

io.stdout:setvbuf "line"
local group = corosync.group(arg[1], {})
assert(group:activate())
assert(group:wait_for(function() return tostring(group):find "%(joined%)" end))
print "joined"
while io.read "*l" do
  print("members", #assert(group:members()))
end
