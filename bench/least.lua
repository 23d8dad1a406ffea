-- The work of bench/plain.c, in Lua with bench/least.c, a minimal binding.
--
--   least.lua GROUP COUNT SIZE WINDOW [latency]
local core = require "corosync.core"
local least = require "least"
local print_figures = dofile "bench/print_figures.lua"

local name, count, size, window = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local now = core.now
local message = ("\0"):rep(size)
local sent, received = 0, 0
local sent_at, latencies
if arg[5] then
  sent_at, latencies = {}, {}
end

local own = {}
local member = least.join(name)

local function top_up()
  while sent < count and sent - received < window do
    if sent_at then
      sent_at[sent % window] = now()
    end
    if not least.mcast(member, message) then
      break
    end
    sent = sent + 1
  end
end

local function message_received(address, bytes)
  if address == own then
    assert(#bytes == size)
    if latencies then
      latencies[received + 1] = now() - sent_at[received % window]
    end
    received = received + 1
    return top_up()
  end
end

local function turn()
  return least.turn(member, message_received, own, sent > received and 10000 or 1)
end

while not turn() do end -- luacheck: ignore 542
local began, cpu = now(), os.clock()
while received < count do
  if sent == received then
    top_up()
  end
  turn()
end
print_figures(count, now() - began, os.clock() - cpu, latencies)
