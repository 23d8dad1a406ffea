-- A client that survives the death of its daemon. Reads commands from stdin and prints the results.
local cpg = require "corosync.cpg"
local process = require "spec_process"
local split = arg[1] == "split"
io.stdout:setvbuf "line"

local seen = {}
local function open()
  local handle = assert(cpg.open {
    config_change = function(members) seen[#seen + 1] = "config " .. #members end,
    message_received = function(_, message) seen[#seen + 1] = "message " .. message:sub(1, 10) end,
    split = split,
  })
  assert(handle:join "survivors")
  while #seen == 0 do
    assert(handle:wait(60), "no configuration")
    assert(handle:dispatch())
  end
  return handle
end

local handle = open()
assert(handle:send "queued")
assert(handle:fetch(60))
print "ready"
io.read "*l" -- the daemon is dead
assert(handle:wait(60))
-- Notices the disconnect without handling the events before it.
repeat
  local _, _, lost = handle:fetch()
until lost
print("in a fork", process.fork(function()
  return select(3, handle:receive()) == "wrong_process" and select(3, handle:dispatch()) == "wrong_process"
    and select(3, handle:address()) == "wrong_process"
end))
local handled, message, code
repeat
  handled, message, code = handle:dispatch()
until not handled
print("dispatch", code, message)
print("dispatch again", select(3, handle:dispatch()))
print("send", select(3, handle:send(("x"):rep(split and 3000000 or 10))))
print("leave", select(3, handle:leave()))
print("wait", select(3, handle:wait(1)))
print("members", select(3, handle:members()))
print("groups", select(3, handle:groups()))
print("address", tostring(handle:address()) == ("1:%d"):format(handle:address().pid))
print("close", handle:close())
print("open", select(3, cpg.open {}))
print "done"
io.read "*l" -- the daemon is back
seen = {}
handle = open()
assert(handle:send "back")
while seen[#seen] ~= "message back" do
  assert(handle:wait(60), "no message")
  assert(handle:dispatch())
end
print "back"
