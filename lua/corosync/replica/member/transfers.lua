-- Sends and receives snapshots in chunks. Only a few chunks are in flight, so that other messages get through in
-- between: the sender sends the next one when one of its own has come back. The learner passes the chunks to its
-- machines, and counts them to notice a missing one. A sender that cannot go on sends a refusal with the reason. All
-- members receive the chunks, so the contents are encoded as a string, which only the learner decodes.
local codec = require "corosync.replica.codec"

local transfers = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

-- At least IN_FLIGHT chunks are in flight. There may be more, as long as they have together fewer bytes than SHARE of
-- all that arrived while the last returned chunk was in flight. With a fixed number a snapshot would never end under
-- heavy load.
local IN_FLIGHT = 4
local SHARE = 0.25
local AT_ONCE = 2 -- chunks to send when one has come back: more can then be in flight, but no turn of the loop is long

-- ---- the sender ----

local Outgoing = {}
Outgoing.__index = Outgoing

-- `send(message)` sends to all members and returns the number of bytes; `failed(problem)` is called when a state cannot
-- be sent. The fields `snapshots` and `snapshot_bytes` are counters for metrics. The caller must add the size of every
-- message that the member receives, whoever sent it, to the field `received`: it shows how busy the group is.
function transfers.outgoing(send, failed)
  return setmetatable({ send = send, failed = failed, by_member = {}, snapshots = 0, snapshot_bytes = 0, received = 0 },
    Outgoing)
end

-- Sends a message and counts its bytes. Returns their number.
local function send_counted(self, message)
  local bytes = self.send(message)
  self.snapshot_bytes = self.snapshot_bytes + bytes
  return bytes
end

-- Returns the next batch that is not confirmed yet as a chunk: all of them together may be too large for one message.
local function take_tail(tail)
  local index, entry = next(tail)
  if index then
    tail[index] = nil
    return { "tail", { index, entry } }
  end
end

-- Sends the next chunk; after the last one, the message that ends the transfer. Returns whether it sent a chunk.
local function send_next(self, transfer)
  local chunk, problem = transfer.snapshot:next()
  if not chunk and not problem then
    chunk = take_tail(transfer.message.log.tail)
  end
  if problem then
    self.send { kind = "refusal", to = transfer.message.to, nonce = transfer.message.nonce, problem = problem }
    self:cancel(transfer.message.to)
    self.failed(problem)
  elseif chunk then
    transfer.sent = transfer.sent + 1
    local bytes = send_counted(self, { kind = "chunk", to = transfer.message.to, nonce = transfer.message.nonce,
      number = transfer.sent, content = codec.encode(chunk) })
    transfer.bytes, transfer.flying[transfer.sent] = transfer.bytes + bytes, { bytes = bytes, received = self.received }
  else
    transfer.message.chunks, transfer.message.state = transfer.sent, nil
    send_counted(self, transfer.message)
    self.by_member[transfer.message.to] = nil
    self.snapshots = self.snapshots + 1
  end
  return chunk ~= nil
end

-- Begins to send a snapshot to a learner. `message`: of kind "snapshot"; its state is a snapshot of the machines. If it
-- has begun already, before memory ran out, this does nothing: the learner notices a missing chunk.
function Outgoing:start(message)
  local present = self.by_member[message.to]
  if present and present.message == message then
    return
  end
  self:cancel(message.to)
  local transfer = { message = message, snapshot = message.state, sent = 0, flying = {}, bytes = 0 }
  self.by_member[message.to] = transfer
  for _ = 1, IN_FLIGHT do
    if not send_next(self, transfer) then
      break
    end
  end
end

-- One of this member's chunks has come back.
function Outgoing:echoed(message)
  local transfer = self.by_member[message.to]
  if not transfer or transfer.message.nonce ~= message.nonce then
    return
  end
  local number = message.number
  local chunk = transfer.flying[number]
  transfer.flying[number], transfer.bytes = nil, transfer.bytes - chunk.bytes
  local room = SHARE * (self.received - chunk.received)
  for _ = 1, AT_ONCE do
    local is_due = transfer.sent - number < IN_FLIGHT or transfer.bytes < room
    if not is_due or not send_next(self, transfer) then
      break
    end
  end
end

function Outgoing:cancel(member)
  local transfer = self.by_member[member]
  if transfer then
    self.by_member[member] = nil
    transfer.snapshot:release()
  end
end

function Outgoing:cancel_all()
  for member in pairs(self.by_member) do
    self:cancel(member)
  end
end

-- ---- the learner ----

local Incoming = {}
Incoming.__index = Incoming

-- `machines`: they restore the chunks.
function transfers.incoming(machines)
  return setmetatable({ machines = machines }, Incoming)
end

-- Takes a chunk for this member, which waits for a snapshot with the given nonce. Returns whether it is the next chunk
-- of that snapshot.
function Incoming:chunk(from, message, nonce)
  if message.nonce ~= nonce then
    return false
  elseif message.number == 1 then
    self.from, self.nonce, self.count, self.restoring = from, nonce, 0, self.machines:begin_restore()
    self.tail = {}
  elseif from ~= self.from or nonce ~= self.nonce or message.number ~= self.count + 1 then
    return false
  end
  self.count = message.number
  local chunk = codec.decode(message.content)
  if chunk[1] == "tail" then
    local index, entry = unpack(chunk[2])
    self.tail[index] = entry
  else
    self.restoring:add(chunk)
  end
  return true
end

-- Takes the message that ends a snapshot. Returns it with the state, or nil if chunks are missing.
function Incoming:complete(from, message)
  local is_empty = message.chunks == 0
  local is_whole = from == self.from and message.nonce == self.nonce and message.chunks == self.count
  if not is_empty and not is_whole then
    return nil
  end
  message.log.tail = not is_empty and self.tail or {}
  message.state = is_empty and self.machines:begin_restore() or self.restoring
  self:cancel()
  return message
end

function Incoming:cancel()
  self.from, self.nonce, self.count, self.restoring, self.tail = nil, nil, nil, nil, nil
end

return transfers
