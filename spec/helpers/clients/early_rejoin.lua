-- Joins the group "early" twice when it reads a line: first with a handle that it closes at once. Prints what the group
-- is told.
local corosync = require "corosync"
local cpg = require "corosync.cpg"

io.stdout:setvbuf "line"
print "up"
assert(io.read())
local first = assert(cpg.open {})
assert(first:join "early")
first:close()
assert(corosync.loop.add(corosync.group("early", {
  config_change = function(members, left, joined)
    print("change", #members, left[1] and left[1].reason or "-", joined[1] and joined[1].reason or "-")
  end,
  disconnected = function(reason) print("disconnected", reason) end,
})))
print "joining"
corosync.loop.run()
