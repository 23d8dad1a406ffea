-- A plain member that sends messages of 50 bytes, between "first" and "last", to the nginx that bench/resty_node.lua
-- measures: lua5.4 bench/resty/sender.lua COUNT PACK, or PER_SECOND to send at this rate until it is killed.
local core = require "corosync.core"

local count, pack, rate = tonumber(arg[1]), arg[2] == "pack", tonumber(arg[3])
local handle = assert(core.cpg.open { pack = pack, reader = true })
assert(handle:join "bench")
while #handle:members() < 2 do
  handle:wait(0.05)
  handle:dispatch()
end

local function send(message)
  local ok, problem, code = handle:send(message)
  while not ok do
    assert(code == "try_again" or code == "backlog", problem)
    handle:wait(0.001)
    handle:dispatch()
    ok, problem, code = handle:send(message)
  end
end

local message = ("0"):rep(50)
local from, sent = core.now(), 0
while rate do
  while sent < (core.now() - from) * rate do
    send(message)
    sent = sent + 1
  end
  handle:wait(0.001)
  handle:dispatch()
end

send "first"
for i = 1, count do
  send(message)
  if i % 100 == 0 then handle:dispatch() end
end
send "last"
while not handle:flush() do
  handle:wait(0.001)
  handle:dispatch()
end
while handle:wait(0.5) do handle:dispatch() end
handle:leave()
