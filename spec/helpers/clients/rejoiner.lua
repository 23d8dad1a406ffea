-- A group that leaves and is to join again, while its daemon dies. Waits for a line on stdin when it has left.
local KEY = require "corosync.private"
local corosync = require "corosync"
io.stdout:setvbuf "line"

local group
group = corosync.group("rejoiner", {
  config_change = function(_, left)
    if #left > 0 then
      print "has left"
      io.read "*l" -- the daemon is dead
    end
  end,
  disconnected = function() print "disconnected" end,
})

local function is_joined() return group[KEY].state == "joined" end

assert(group:activate())
assert(group:wait_for(is_joined))
assert(group:deactivate())
assert(group:activate())
assert(group:wait_for(function() return group[KEY].state == "reconnecting" end))
assert(group:wait_for(is_joined, 60))
print "joined"
