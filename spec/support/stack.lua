-- What a thread can do with the stack that it has: prints "no_stack", or "fine" after all has been done.
local core = require "corosync.core"

local member = assert(core.cpg.open {})
local cfg = assert(core.cfg.open())
local map = assert(core.cmap.open())
assert(member:join "stacks")
local code = select(3, member:dispatch())

for _, answer in ipairs {
  select(3, member:receive()) or "none", select(3, member:fetch(0)) or "none", select(3, map:dispatch()) or "none",
  select(3, coroutine.wrap(function() return member:dispatch() end)()) or "none",
  select(3, cfg:node_addresses(1)) or "none", select(3, cfg:node_status(1)) or "none",
} do
  assert(answer == (code or "none"), answer)
end
assert(member:send "what needs no dispatch works")
if not code then
  -- The longest message fills all of the buffer.
  local longest = ("x"):rep(member:max_message_size())
  assert(member:send(longest))
  repeat
    assert(member:wait(10))
    local name, _, message = member:receive()
  until name == "message" and message == longest
end
print(code or "fine")
