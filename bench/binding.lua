-- The work of bench/plain.c, in Lua with the binding alone.
--
--   binding.lua GROUP COUNT SIZE WINDOW [latency]
--
-- With READER in the environment, a thread reads events while the handlers are slow; with PACK, messages are packed.
local core = require "corosync.core"
local print_figures = dofile "bench/print_figures.lua"

local name, count, size, window = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local now = core.now
local message = ("\0"):rep(size)
local sent, received, joined = 0, 0, false
local sent_at, latencies
if arg[5] then
  sent_at, latencies = {}, {}
end

local handle, own, top_up
handle = assert(core.cpg.open {
  pack = os.getenv "PACK" ~= nil,
  reader = os.getenv "READER" ~= nil,
  config_change = function(_, _, came)
    for _, address in ipairs(came) do
      joined = joined or address == own
    end
  end,
  message_received = function(address, bytes)
    if address == own then
      assert(#bytes == size)
      if latencies then
        latencies[received + 1] = now() - sent_at[received % window]
      end
      received = received + 1
      return top_up()
    end
  end,
})
own = handle:address()
assert(handle:join(name))

function top_up()
  while sent < count and sent - received < window do
    if sent_at then
      sent_at[sent % window] = now()
    end
    if not handle:send(message) then
      break
    end
    sent = sent + 1
  end
end

local function dispatch()
  local handled, more
  repeat
    handled, more = handle:dispatch()
    if not handled then
      error(more)
    end
  until not more
end

while not joined do
  handle:wait()
  dispatch()
end
local began, cpu = now(), os.clock()
while received < count do
  if sent == received then
    top_up()
  end
  if sent > received then
    handle:wait()
  else
    handle:wait(0.001) -- no send succeeded, and no message is in flight
  end
  dispatch()
end
print_figures(count, now() - began, os.clock() - cpu, latencies)
