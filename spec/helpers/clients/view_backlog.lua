-- A group with views whose queue holds this many messages or a few more, each of which takes a millisecond to handle.
-- Waits for a line on stdin once they have arrived, and prints at the end whether they were delivered.
local KEY = require "corosync.private"
local corosync = require "corosync"
local uv = require "luv"
io.stdout:setvbuf "line"

local MANY, WINDOW = tonumber(arg[1]), 16
local handled = 0
local group = corosync.group("backlog", {
  window = WINDOW,
  view_change = function() end,
  message_received = function()
    uv.sleep(1)
    handled = handled + 1
  end,
  disconnected = function() print("disconnected", handled >= MANY) end,
})

assert(group:activate())
assert(group:wait_for(function() return group[KEY].state == "joined" end))
-- All but the last few have come back then.
for _ = 1, MANY + WINDOW do assert(group:send_message "much") end
print "waiting"
io.read "*l" -- the daemon is dead
assert(group:wait_for(function() return group[KEY].state == "reconnecting" end, 60))
