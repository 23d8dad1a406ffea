-- Records the sends and events of this process's groups.
local KEY = require "corosync.private"
local core = require "corosync.binding"
local digest = require "corosync.history.digest"
local errors = require "corosync.errors"
local handlers = require "corosync.handlers"
local parser = require "corosync.checker.parser"

local recorder = {}

local folder
-- By the group's name, because a process is a member of a group only once: the path of the history, false when it
-- cannot be written; and the file while it is open.
local paths, files = {}, {}
local recorded = setmetatable({}, { __mode = "k" }) -- the groups that were activated after the start
local count, sends = 0, 0

local function escaped(text)
  return (tostring(text):gsub("[%c\\]", function(character) return ("\\%03d"):format(character:byte()) end))
end

-- Reported once: the recording must not disturb the group.
local function give_up(record, why)
  paths[record.object.name], files[record.object.name] = false, nil
  record.hooks.log(("corosync: cannot record group %s any more: %s"):format(errors.quote(record.object.name), why))
end

-- One system call per line: the process may be killed at any moment, and other programs append to the file.
local function write_line(record, line)
  local ok, why = files[record.object.name]:write(line .. "\n")
  if not ok then
    give_up(record, why)
  end
end

local function new_path()
  count = count + 1
  return ("%s/%.6f-%d-%s.history"):format(folder, core.now(), count, tostring({}):match "%x+$")
end

local function open(record)
  local name = record.object.name
  local is_new = not paths[name]
  paths[name] = paths[name] or new_path()
  local file, why = io.open(paths[name], "a")
  if not file then
    return give_up(record, why)
  end
  file:setvbuf "no"
  files[name] = file
  if is_new then
    write_line(record, "group " .. escaped(name))
  end
end

-- A process may have been in more groups than it may open files.
local function close(record)
  if files[record.object.name] then
    files[record.object.name]:close()
    files[record.object.name] = nil
  end
end

local function write(record, ...)
  if not recorded[record] or paths[record.object.name] == false then
    return
  elseif not files[record.object.name] then
    open(record)
  end
  if files[record.object.name] then
    write_line(record, table.concat({ ... }, " "))
  end
end

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

local observers = {}

function observers.config_change(record, members, left, joined)
  local own = list { record.address }
  write(record, "config", own, list(members), list_with_reasons(left), list_with_reasons(joined))
  for _, address in ipairs(left) do
    if list { address } == own then
      close(record)
    end
  end
end

function observers.ring_change(record, ring)
  -- Lua 5.1's tostring shortens large numbers. A string starts with zeros, for comparison.
  local seq = type(ring.seq) == "number" and ("%d"):format(ring.seq) or ring.seq:match "^0*(.*)$"
  write(record, "ring", ("%d:%s"):format(ring.node, seq))
end

function observers.message_received(record, address, message)
  write(record, "message", ("%d:%d"):format(address.node, address.pid), digest(message))
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
  local bytes = recorded[record] and bytes_of(message)
  if not bytes then
    return nil
  end
  sends = sends + 1
  local number = ("%d"):format(sends)
  write(record, "send", number, digest(bytes))
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
  recorded[record] = recorded[record] or not record.handle or nil
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
  write(record, "error", escaped(message))
end

function observers.open(record)
  recorded[record] = true
end

function recorder.start(into)
  if not io then
    return nil, "cannot record histories: this Lua has no library io", "not_supported"
  elseif folder then
    return nil, ("this process already records in %s"):format(folder), "exist"
  end
  folder = into
  handlers.observers = observers
  return true
end

local NOTES = { quiet = true, raise = true, settled = true, usage = true }

function recorder.note(group, line)
  if type(group) ~= "table" or not group[KEY] then
    errors.raise("bad argument #1 to 'note' (group expected, got %s)", type(group))
  end
  local event = type(line) == "string" and parser.event_of(line)
  if not event or not NOTES[event[1]] then
    errors.raise("bad argument #2 to 'note' (line: 'quiet', 'settled', 'raise word' or 'usage descriptors kilobytes' "
      .. "expected, got %s)", type(line) == "string" and errors.quote(line) or type(line))
  end
  write(group[KEY], line)
end

return recorder
