-- A member of a plain group, which run.lua compares with a replica's. It waits for the others. If it is a writer, it
-- sends messages with a number of them in flight: until they have come back. It ends when it is killed.
--
--   sender.lua NAME NODES WRITERS COUNT SIZE WINDOW [latency]
local core = require "corosync.core"
local corosync = require "corosync"
local print_figures = dofile "bench/print_figures.lua"

local name, nodes, writers = arg[1], tonumber(arg[2]), tonumber(arg[3])
local count, size, window = tonumber(arg[4]), tonumber(arg[5]), tonumber(arg[6])
local is_writer = tonumber(os.getenv "NODE") <= writers
local now = core.now
local message = ("x"):rep(size)
local sent, received, own, began, cpu = 0, 0, nil, nil, nil
local sent_at, latencies = {}, arg[7] and {}
local group

local function send()
  if latencies then
    sent_at[sent % window] = now()
  end
  sent = sent + 1
  assert(group:send_message(message))
end

local function begin()
  own, began, cpu = group:address(), now(), os.clock()
  for _ = 1, window do
    send()
  end
end

group = corosync.group(name, {
  config_change = function(members)
    if #members == nodes and is_writer then
      begin()
    end
  end,
  message_received = function(address)
    if address ~= own then
      return
    end
    if latencies then
      latencies[received + 1] = now() - sent_at[received % window]
    end
    received = received + 1
    if received == count then
      local ended = now()
      print_figures(count, ended - began, os.clock() - cpu, latencies)
      print(("times %.9f %.9f"):format(began, ended))
      io.stdout:flush()
    elseif sent < count then
      send()
    end
  end,
})
assert(corosync.loop.add(group))
corosync.loop.run()
