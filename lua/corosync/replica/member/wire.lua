-- Encodes and decodes messages of the protocol. A batch of commands or an acknowledgement is a line of text, because
-- each turn of the loop has some, and MessagePack in Lua takes several times as long. All other messages are
-- MessagePack.
--
--   a2 TAG EPOCH CHANGES ESTABLISHED INDEX DIGEST     an acknowledgement
--   c2 TAG CLIENT SEQ LENGTH...                       a batch; its commands follow the line without separators
--
-- An acknowledgement shares a message with the batch that follows it. An array in MessagePack never begins with "a" or
-- "c", so the first byte tells the kinds apart.
local codec = require "corosync.replica.codec"
local core = require "corosync.binding"

local wire = {}

local VERSION = 2 -- members with different versions do not understand each other
local ACK = "a" .. VERSION .. " %s %.0f %.0f %d %.0f %.0f\n"
local ACK_PATTERN = "^a(%d+) (%S+) (%d+) (%d+) ([01]) (%d+) (%d+)\n()"
local COMMANDS = "c" .. VERSION .. " %s %s %.0f "
local COMMANDS_PATTERN = "^c(%d+) (%S+) (%S+) (%d+) ()"
local ACK_BYTE, COMMANDS_BYTE = ("ac"):byte(1, 2)
local MOST = 1000 -- commands in a batch: each becomes an argument of one call, and Lua 5.1 and LuaJIT allow 8000

local function encode_ack(message)
  return ACK:format(message.tag, message.epoch, message.changes, message.is_established and 1 or 0, message.index,
    message.digest)
end

local function encode_commands(message)
  return COMMANDS:format(message.tag, message.client, message.seq) .. core.join_strings(message.list)
end

-- Encodes a message that is neither a batch of commands nor an acknowledgement.
function wire.encode(message)
  return codec.encode { VERSION, message }
end

-- Encodes messages of any kind, and puts an acknowledgement in front of the batch that follows it.
local Writer = {}
Writer.__index = Writer

-- `put(bytes, message, ack)` is called with each encoded message, in order; `ack`: the bytes of an acknowledgement that
-- may go in front.
function wire.writer(put)
  return setmetatable({ put = put }, Writer)
end

-- Returns the length of the encoded message.
function Writer:add(message)
  if message.kind == "commands" then
    local bytes = encode_commands(message)
    self.put(bytes, message, self.ack)
    self.ack = nil
    return #bytes
  end
  self:flush()
  if message.kind == "ack" then
    self.ack = encode_ack(message)
    return #self.ack
  end
  local bytes = wire.encode(message)
  self.put(bytes, message)
  return #bytes
end

local ACKNOWLEDGEMENT = { kind = "ack" }

-- Puts an acknowledgement that waits for a batch.
function Writer:flush()
  if self.ack then
    self.put(self.ack, ACKNOWLEDGEMENT)
    self.ack = nil
  end
end

-- ---- reading ----

local STRANGE = "not a replica's message"

local function check_version(version)
  if not version then
    return nil, STRANGE
  elseif tonumber(version) ~= VERSION then
    return nil, ("of version %s of the protocol, not %d"):format(tostring(version), VERSION)
  end
  return true
end

local function read_ack(bytes)
  local version, tag, epoch, changes, is_established, index, digest, rest = bytes:match(ACK_PATTERN)
  local ok, why = check_version(version)
  if not ok then
    return nil, why
  end
  return { kind = "ack", tag = tag, epoch = tonumber(epoch), changes = tonumber(changes),
    is_established = is_established == "1", index = tonumber(index), digest = tonumber(digest) }, rest
end

local function read_commands(bytes, from)
  local version, tag, client, seq, first = bytes:match(COMMANDS_PATTERN, from)
  local ok, why = check_version(version)
  if not ok then
    return nil, why
  end
  local list = core.split_strings(bytes, first, MOST)
  if not list then
    return nil, STRANGE
  end
  return { kind = "commands", tag = tag, client = client, seq = tonumber(seq), list = list }
end

local IN_TEXT = { ack = true, commands = true }

local function read_other(bytes)
  local ok, decoded = pcall(codec.decode, bytes)
  if not ok or type(decoded) ~= "table" then
    return nil, STRANGE
  end
  local is_known, why = check_version(decoded[1])
  local message = decoded[2]
  if is_known and type(message) == "table" and type(message.kind) == "string" and not IN_TEXT[message.kind] then
    return message
  end
  return nil, why or STRANGE
end

-- Returns the message, and the one that follows it in the bytes, if any; or nil and why these are no messages.
function wire.read(bytes)
  local first = bytes:byte()
  if first == COMMANDS_BYTE then
    return read_commands(bytes)
  elseif first ~= ACK_BYTE then
    return read_other(bytes)
  end
  local ack, rest = read_ack(bytes)
  if not ack then
    return nil, rest
  elseif rest > #bytes then
    return ack
  end
  local batch, why = read_commands(bytes, rest)
  return batch and ack, batch or why
end

return wire
