-- Messages of the protocol as bytes: MessagePack. Commands of one client that follow each other are one message.
local codec = require "corosync.replica.codec"

local wire = {}

local VERSION = 1 -- members with different versions do not understand each other
local BATCH = 256 -- commands in a message
local BATCH_BYTES = 16384

local function can_follow(batch, message)
  return batch ~= nil and message.kind == "command" and batch.tag == message.tag and batch.client == message.client
    and batch.seq + #batch.data == message.seq and #batch.data < BATCH and batch.bytes < BATCH_BYTES
end

-- Collects messages and encodes them.
local Writer = {}
Writer.__index = Writer

-- `put(bytes)` is called with each encoded message, in order.
function wire.writer(put)
  return setmetatable({ put = put }, Writer)
end

function Writer:add(message)
  if not can_follow(self.batch, message) then
    self:flush()
    if message.kind ~= "command" then
      return self.put(codec.encode { VERSION, message })
    end
    self.batch = { tag = message.tag, client = message.client, seq = message.seq, data = {}, bytes = 0 }
  end
  local batch = self.batch
  batch.data[#batch.data + 1] = message.data
  batch.bytes = batch.bytes + #message.data
end

function Writer:flush()
  local batch = self.batch
  if batch then
    self.batch = nil
    self.put(codec.encode { VERSION, "commands", batch.tag, batch.client, batch.seq, batch.data })
  end
end

-- Calls `take(message)` for each message in the bytes. Returns true, or nil and why these are no messages.
function wire.read(bytes, take)
  local ok, decoded = pcall(codec.decode, bytes)
  if not ok or type(decoded) ~= "table" then
    return nil, "not a replica's message"
  elseif decoded[1] ~= VERSION then
    return nil, ("of version %s, and this is version %d"):format(tostring(decoded[1]), VERSION)
  elseif decoded[2] ~= "commands" then
    take(decoded[2])
    return true
  end
  local tag, client, seq = decoded[3], decoded[4], decoded[5]
  for i, data in ipairs(decoded[6]) do
    take { kind = "command", tag = tag, client = client, seq = seq + i - 1, data = data }
  end
  return true
end

return wire
