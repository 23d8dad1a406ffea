-- The programs that bench/resty.lua runs on a node: receivers and the sender.
local core = require "corosync.core"

local receiver = {}

function receiver.handlers(name)
  local latencies = {}
  local function print_latencies()
    table.sort(latencies)
    local function at(share) return latencies[math.ceil(#latencies * share)] * 1e6 end
    io.stderr:write(("result %-28s 10 %% %5.0f   median %5.0f   90 %% %5.0f   99 %% %5.0f\n")
      :format(name, at(0.1), at(0.5), at(0.9), at(0.99)))
    io.stderr:flush()
  end
  return {
    message_received = function(_, message)
      local sent = tonumber(message:match "^%S+")
      if sent then
        latencies[#latencies + 1] = core.now() - sent
      else
        print_latencies()
      end
    end,
  }
end

local function wait_for_members(handle, count)
  while #handle:members() <= count do
    handle:wait(0.05)
    handle:dispatch()
  end
end

local function send(receivers, count, pause)
  local handle = assert(core.cpg.open {})
  assert(handle:join "latency")
  wait_for_members(handle, receivers)
  for _ = 1, count do
    local till = core.now() + pause
    handle:dispatch()
    assert(handle:send(("%.9f "):format(core.now()) .. ("x"):rep(40)))
    while core.now() < till do
      handle:wait(math.max(till - core.now(), 0))
      handle:dispatch()
    end
  end
  assert(handle:send "end")
  handle:leave()
end

local kind = arg and arg[1]
if kind == "send" then
  send(tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]))
elseif kind == "plain" then
  local handlers = receiver.handlers "plain loop, poll"
  local handle = assert(core.cpg.open(handlers))
  assert(handle:join "latency")
  while handle:wait() do assert(handle:dispatch()) end
elseif kind == "luv" then
  local corosync = require "corosync"
  assert(corosync.loop.add(corosync.group("latency", receiver.handlers "corosync.loop, luv")))
  corosync.loop.run()
end

return receiver
