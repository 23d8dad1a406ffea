-- A member that packs, begins to send a long message and pauses itself (SIGSTOP) before most of it has been sent.
--
--   lua spec/helpers/clients/long_paused.lua GROUP BYTES
local cpg = require "corosync.cpg"
local uv = require "luv"

local joined = false
local handle = assert(cpg.open { pack = true, config_change = function() joined = true end })

local function turn()
  assert(handle:wait(60), "no event for too long")
  assert(handle:dispatch())
end

assert(handle:join(arg[1]))
while not joined do
  turn()
end
assert(handle:send(("x"):rep(tonumber(arg[2]))))
-- The first piece comes back, then more are sent, at most 2 MiB at a time.
for _ = 1, 3 do
  turn()
end
print "paused"
io.stdout:flush()
assert(uv.kill(uv.os_getpid(), "sigstop"))
