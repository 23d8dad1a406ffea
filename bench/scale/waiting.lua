-- Messages that wait for handlers.
--
--   waiting.lua SIZE COUNT EVERY     every EVERY messages a line: messages, private kB
local core = require "corosync.core"

local size, count, every = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3])

local function own_memory()
  return tonumber(io.open("/proc/self/status"):read("*a"):match "RssAnon:%s+(%d+)")
end

local handle = assert(core.cpg.open { message_received = function() end, window = 2 * count })
local message = ("m"):rep(size)
assert(handle:join "waiting")
assert(handle:wait(10))
handle:dispatch()

-- All sent messages come back into the queue, except for those in flight.
local function send(how_many)
  for _ = 1, how_many do
    while not handle:send(message) do
      assert(handle:fetch(10))
    end
    handle:fetch(0)
  end
end

local before = own_memory()
print(("0 %d"):format(0))
for sent = every, count, every do
  send(every)
  print(("%d %d"):format(sent, own_memory() - before))
end
