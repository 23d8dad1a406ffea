-- Sends as fast as Corosync takes it, whatever it answers, until the connection is lost.
local cpg = require "corosync.cpg"

local handle = assert(cpg.open {})
assert(handle:join "senders")
io.stdout:setvbuf "line"
local message, refused, code = ("x"):rep(100000), 0 -- luacheck: ignore 311
repeat
  code = select(3, handle:send(message))
  refused = refused + (code and 1 or 0)
  if refused == 10000 then
    print "sending" -- Corosync can hardly keep up by now
  end
until code and code ~= "try_again"
print(code)
