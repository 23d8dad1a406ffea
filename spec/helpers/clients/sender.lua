-- Sends at full rate, whatever send returns, until the connection is lost.
local cpg = require "corosync.cpg"

local handle = assert(cpg.open { window = 1000000 }) -- not the window is to be met, but the daemon
assert(handle:join "senders")
io.stdout:setvbuf "line"
local message, refused = ("x"):rep(100000), 0
while true do
  local ok, _, code = handle:send(message)
  if not ok then
    refused = refused + 1
    if code ~= "try_again" then
      print(code)
      break
    elseif refused == 10000 then
      print "sending"
    end
  end
end
