-- A member that leaves at a line on stdin, under a watchdog.
local core = require "corosync.core"
io.stdout:setvbuf "line"

assert(core.watchdog(0.1))
local handle = assert(core.cpg.open {})
assert(handle:join(arg[1]))
print "joined"
io.read "*l"
assert(handle:leave(600)) -- longer than the pause
print "left"
io.read "*l"
