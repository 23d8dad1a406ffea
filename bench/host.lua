-- The work of bench/binding.lua, as a script for cpgrun: each handled message makes room for the next.
--
--   cpgrun --group GROUP host.lua COUNT SIZE WINDOW [latency]
local core = require "corosync.binding"
local print_figures = dofile "bench/print_figures.lua"

local count, size, window = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3])
local now = core.now
local message = ("\0"):rep(size)
local sent, received = 0, 0
local sent_at, latencies, own, began, cpu
if arg[4] then
  sent_at, latencies = {}, {}
end

local group, patience

-- The field timeout is 0, so sends do not wait. A send waits only when no message is in flight, whose delivery would
-- cause the next try.
local function send_patiently()
  group.timeout = patience
  assert(group:send_message(message))
  group.timeout = 0
end

local function top_up()
  while sent < count and sent - received < window do
    if sent_at then
      sent_at[sent % window] = now()
    end
    if not group:send_message(message) then
      if sent > received then
        break
      end
      send_patiently()
    end
    sent = sent + 1
  end
end

local function finish()
  group.timeout = patience
  print_figures(count, now() - began, os.clock() - cpu, latencies)
  require("corosync").loop.stop()
end

function message_received(address, bytes)
  if address == own then
    assert(#bytes == size)
    if latencies then
      latencies[received + 1] = now() - sent_at[received % window]
    end
    received = received + 1
    if received == count then
      return finish()
    end
    return top_up()
  end
end

function started()
  group = _G.group
  patience, group.timeout = group.timeout, 0
  own, began, cpu = group:address(), now(), os.clock()
  top_up()
end
