-- Records the sends and events of this process's groups.
local KEY = require "corosync.private"
local core = require "corosync.binding"
local digest = require "corosync.history.digest"
local errors = require "corosync.errors"
local folder = require "corosync.history.folder"
local handlers = require "corosync.group.handlers"
local invariant = require "corosync.history.invariant"
local operation = require "corosync.history.operation"
local parser = require "corosync.checker.parser"
local trace = require "corosync.history.trace"
local word = require "corosync.history.word"
local writer = require "corosync.history.writer"

local write = writer.write

local recorder = {}

local TEXT = 60 -- bytes of a message that are written with its digest

local sends = 0

local function list(addresses)
  local texts = {}
  for i, address in ipairs(addresses) do
    texts[i] = ("%d:%d"):format(address.node, address.pid)
  end
  return #texts > 0 and table.concat(texts, ",") or "-"
end

local function list_with_reasons(addresses)
  local texts = {}
  for i, address in ipairs(addresses) do
    texts[i] = ("%d:%d=%s"):format(address.node, address.pid, tostring(address.reason))
  end
  return #texts > 0 and table.concat(texts, ",") or "-"
end

local function begin_of(message)
  return message ~= "" and writer.escaped(message:sub(1, TEXT)) or nil
end

local observers = {}

function observers.config_change(record, members, left, joined)
  local own = list { record.address }
  write(record, "config", own, list(members), list_with_reasons(left), list_with_reasons(joined))
  for _, address in ipairs(left) do
    if list { address } == own then
      writer.close(record)
    end
  end
end

function observers.ring_change(record, ring)
  -- Lua 5.1's tostring shortens large numbers. A string starts with zeros, for comparison.
  local seq = type(ring.seq) == "number" and ("%d"):format(ring.seq) or ring.seq:match "^0*(.*)$"
  write(record, "ring", ("%d:%s"):format(ring.node, seq))
end

function observers.message_received(record, address, message)
  write(record, "message", ("%d:%d"):format(address.node, address.pid), digest(message), begin_of(message))
end

-- The bytes of a message, or nil when it is invalid: then send raises.
local function bytes_of(message)
  if type(message) == "string" or type(message) == "number" then
    return tostring(message)
  elseif type(message) ~= "table" or #message == 0 and next(message) ~= nil then
    return nil
  end
  for i = 1, #message do
    if type(message[i]) ~= "string" then
      return nil
    end
  end
  return table.concat(message)
end

-- Returns the number of the send, for `sent`; nil if it is not recorded.
function observers.send(record, message)
  local bytes = writer.is_recorded(record) and bytes_of(message)
  if not bytes then
    return nil
  end
  sends = sends + 1
  local number = ("%d"):format(sends)
  write(record, "send", number, digest(bytes), begin_of(bytes))
  return number
end

function observers.sent(record, number, ok, code)
  write(record, "answer", number, ok and "true" or tostring(code))
end

-- A group that has left because its handlers lag does not reconnect.
function observers.lost(record, code)
  write(record, "lost")
  if code == "overflow" then
    write(record, "deactivate")
  end
end

-- Called before the join, because the process may be killed during it. A group that already has a connection is not
-- recorded.
function observers.activate(record)
  if not record.handle then
    writer.add(record)
  end
  write(record, "activate")
end

-- With "exist" another object is the member, and the history stays that one's.
function observers.not_activated(record, code)
  if code ~= "exist" then
    write(record, "deactivate")
  end
end

function observers.deactivate(record)
  write(record, "deactivate")
end

function observers.error(record, message)
  write(record, "error", writer.escaped(message))
end

function observers.open(record)
  writer.add(record)
end

function observers.quorum_change(record, quorate)
  write(record, "quorum", quorate == nil and "unknown" or quorate and "yes" or "no")
end

-- Not `holds` and `released`, which the checker judges: a process that is paused learns too late that it lost a lock.
function observers.locked(record, name, token)
  write(record, "locked", word.of(name), word.number(token))
end

function observers.unlocked(record, name)
  write(record, "unlocked", word.of(name))
end

-- Of the group of a replica.
function observers.ready(record)
  write(record, "ready")
end

function observers.observing(record)
  write(record, "observing")
end

function observers.suspended(record, why)
  write(record, "suspended", writer.escaped(why))
end

-- Returns an operation to be ended, or nil if it is not recorded.
function observers.operation(record, fields)
  return writer.is_recorded(record) and operation.begin(record, fields) or nil
end

-- The script may change its working folder before the next file is opened.
local function start(into, path, name)
  if type(path) ~= "string" then
    errors.raise("bad argument #1 to '%s' (string expected, got %s)", name, type(path))
  end
  local ok, message, code = writer.start(into, core.absolute_path(path))
  if ok then
    handlers.observers = observers
  end
  return ok, message, code
end

function recorder.start(path)
  return start(folder, path, "record")
end

function recorder.trace(path)
  return start(trace, path, "trace")
end

local function record_of(group, name)
  if type(group) ~= "table" or not group[KEY] then
    errors.raise("bad argument #1 to '%s' (group expected, got %s)", name, type(group))
  end
  return group[KEY]
end

local NOTES = { quiet = true, raise = true, settled = true, usage = true }

function recorder.note(group, line)
  local record = record_of(group, "note")
  local event = type(line) == "string" and parser.event_of(line)
  if not event or not NOTES[event[1]] then
    errors.raise("bad argument #2 to 'note' (line: 'quiet', 'settled', 'raise word' or 'usage descriptors kilobytes' "
      .. "expected, got %s)", type(line) == "string" and errors.quote(line) or type(line))
  end
  write(record, line)
end

function recorder.operation(group, fields)
  local record = record_of(group, "operation")
  operation.check(fields)
  return observers.operation(record, fields) or operation.NONE
end

for _, name in ipairs { "holds", "released", "unique" } do
  recorder[name] = function(group, ...) invariant[name](record_of(group, name), ...) end
end

return recorder
