-- Messages of the protocol as bytes: MessagePack. Commands of one client that follow each other are one message.
-- Acknowledgements are lines of text, because each turn of the loop has some, and MessagePack in Lua takes four times
-- as long. No MessagePack of an array begins with their first letter.
local codec = require "corosync.replica.codec"

local wire = {}

local VERSION = 1 -- members with different versions do not understand each other
local BATCH = 256 -- commands in a message
local BATCH_BYTES = 16384
local ACK = "a" .. VERSION .. " %s %.0f %.0f %d %.0f %.0f"
local ACK_BYTE = ACK:byte()
local ACK_PATTERN = "^a(%d+) (%S+) (%d+) (%d+) ([01]) (%d+) (%d+)$"

local function encode_ack(message)
  return ACK:format(message.tag, message.epoch, message.changes, message.is_established and 1 or 0, message.index,
    message.digest)
end

-- A message that is no command and no acknowledgement.
function wire.encode(message)
  return codec.encode { VERSION, message }
end

local function can_follow(batch, message)
  return batch ~= nil and message.kind == "command" and batch.tag == message.tag and batch.client == message.client
    and batch.seq + #batch.data == message.seq and #batch.data < BATCH
    and batch.bytes + #message.data <= BATCH_BYTES
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
    if message.kind == "ack" then
      return self.put(encode_ack(message))
    elseif message.kind ~= "command" then
      return self.put(wire.encode(message))
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

local function refuse(version)
  return nil, ("of version %s, and this is version %d"):format(tostring(version), VERSION)
end

local function read_ack(take, version, tag, epoch, changes, is_established, index, digest)
  if not version then
    return nil, "not a replica's message"
  elseif tonumber(version) ~= VERSION then
    return refuse(version)
  end
  take { kind = "ack", tag = tag, epoch = tonumber(epoch), changes = tonumber(changes),
    is_established = is_established == "1", index = tonumber(index), digest = tonumber(digest) }
  return true
end

local function is_message(decoded)
  return type(decoded) == "table" and type(decoded.kind) == "string"
end

local function is_batch(decoded)
  return decoded[2] == "commands" and type(decoded[5]) == "number" and type(decoded[6]) == "table"
end

-- Calls `take(message)` for each message in the bytes. Returns true, or nil and why these are no messages.
function wire.read(bytes, take)
  if bytes:byte() == ACK_BYTE then
    return read_ack(take, bytes:match(ACK_PATTERN))
  end
  local ok, decoded = pcall(codec.decode, bytes)
  if not ok or type(decoded) ~= "table" then
    return nil, "not a replica's message"
  elseif decoded[1] ~= VERSION then
    return refuse(decoded[1])
  elseif is_message(decoded[2]) then
    take(decoded[2])
    return true
  elseif not is_batch(decoded) then
    return nil, "not a replica's message"
  end
  local tag, client, seq = decoded[3], decoded[4], decoded[5]
  for i, data in ipairs(decoded[6]) do
    take { kind = "command", tag = tag, client = client, seq = seq + i - 1, data = data }
  end
  return true
end

return wire
