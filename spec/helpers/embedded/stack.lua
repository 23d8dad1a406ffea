-- Uses everything on the stack that a thread has: prints "no_stack", or "fine" at the end.
local core = require "corosync.core"

local member = assert(core.cpg.open {})
local cfg = assert(core.cfg.open())
local map = assert(core.cmap.open())

-- Until Corosync's queue has room.
local function insist(method, argument)
  repeat
    local ok, problem, code = member[method](member, argument)
    assert(ok or code == "try_again", problem)
  until ok
end

-- The code of a result: an event has values in its place.
local function code_of(first, _, code) return first == nil and code or "none" end

insist("join", "stacks")
local code = select(3, member:dispatch())

for _, answer in ipairs {
  code_of(member:receive()), code_of(member:fetch(0)), code_of(map:dispatch()),
  code_of(coroutine.wrap(function() return member:dispatch() end)()),
  code_of(cfg:node_addresses(1)), code_of(cfg:node_status(1)),
} do
  assert(answer == (code or "none"), answer)
end
insist("send", "what needs no dispatch works")
if not code then
  -- The longest message fills all of the buffer.
  local longest = ("x"):rep(member:max_message_size())
  insist("send", longest)
  repeat
    assert(member:wait(60))
    local name, _, message = member:receive()
  until name == "message" and message == longest
end
print(code or "fine")
