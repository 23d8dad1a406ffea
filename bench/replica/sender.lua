-- A member of a plain group, which beside_messages.lua compares with a replica's. It waits for the others. If it is
-- a writer, it sends messages with a number of them in flight: until they have come back. It ends when it is killed.
--
--   sender.lua NAME NODES WRITERS SIZE WINDOW
local core = require "corosync.core"
local corosync = require "corosync"
local writing = dofile "bench/replica/writing.lua"

local window, now = writing.window, core.now
local message = ("x"):rep(writing.size)
local sent, received, sent_at = 0, 0, {}
local group, own

local function send()
  sent_at[sent % window] = now()
  sent = sent + 1
  assert(group:send_message(message))
end

local function begin()
  own = group:address()
  writing.begin()
  for _ = 1, window do
    send()
  end
end

group = corosync.group(writing.name, {
  config_change = function(members)
    if #members == writing.nodes and writing.is_writer then
      begin()
    end
  end,
  message_received = function(address)
    if address ~= own then
      return
    end
    writing.count(sent_at[received % window])
    received = received + 1
    send()
  end,
})
assert(corosync.loop.add(group))
corosync.loop.run()
