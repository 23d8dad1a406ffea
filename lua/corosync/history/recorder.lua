-- Records the sends and events of this process's groups.
local caller = require "corosync.caller"
local core = require "corosync.binding"
local digest = require "corosync.history.digest"
local groups = require "corosync.group"
local handlers = require "corosync.handlers"
local quoted = require "corosync.quoted"
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
local function give_up(group, why)
  paths[group.name], files[group.name] = false, nil
  group._complain(("corosync: cannot record group %s any more: %s"):format(quoted(group.name), why))
end

-- One system call per line: the process may be killed at any moment, and other programs append to the file.
local function write_line(group, line)
  local ok, why = files[group.name]:write(line .. "\n")
  if not ok then
    give_up(group, why)
  end
end

local function new_path()
  count = count + 1
  return ("%s/%.6f-%d-%s.history"):format(folder, core.now(), count, tostring({}):match "%x+$")
end

local function open(group)
  local name, is_new = group.name, not paths[group.name]
  paths[name] = paths[name] or new_path()
  local file, why = io.open(paths[name], "a")
  if not file then
    return give_up(group, why)
  end
  file:setvbuf "no"
  files[name] = file
  if is_new then
    write_line(group, "group " .. escaped(name))
  end
end

-- A process may have been in more groups than it may open files.
local function close(group)
  if files[group.name] then
    files[group.name]:close()
    files[group.name] = nil
  end
end

local function write(group, ...)
  if not recorded[group] or paths[group.name] == false then
    return
  elseif not files[group.name] then
    open(group)
  end
  if files[group.name] then
    write_line(group, table.concat({ ... }, " "))
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

local observe = {}

function observe.config_change(group, members, left, joined)
  local own = list { group:address() }
  write(group, "config", own, list(members), list_with_reasons(left), list_with_reasons(joined))
  for _, address in ipairs(left) do
    if list { address } == own then
      close(group)
    end
  end
end

function observe.ring_change(group, ring)
  -- Lua 5.1's tostring shortens large numbers. A string starts with zeros, for comparison.
  local seq = type(ring.seq) == "number" and ("%d"):format(ring.seq) or ring.seq:match "^0*(.*)$"
  write(group, "ring", ("%d:%s"):format(ring.node, seq))
end

function observe.message_received(group, address, message)
  write(group, "message", ("%d:%d"):format(address.node, address.pid), digest(message))
end

-- Replaces a function that all groups share by one that receives the original as its first argument.
local function wrap(owner, name, around)
  local original = owner[name]
  owner[name] = function(...) return around(original, ...) end
end

local function write_result(group, number, ...)
  local ok, _, code = ...
  write(group, "answer", number, ok and "true" or tostring(code))
  return ...
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

local function record_send(send, group, message, ...)
  local bytes = recorded[group] and bytes_of(message)
  if not bytes then
    return send(group, message, ...)
  end
  sends = sends + 1
  local number = ("%d"):format(sends)
  write(group, "send", number, digest(bytes))
  return write_result(group, number, send(group, message, ...))
end

-- A group that has left because its handlers lag does not reconnect.
local function record_loss(lose, group, message, code)
  write(group, "lost")
  if code == "overflow" then
    write(group, "deactivate")
  end
  return lose(group, message, code)
end

-- Written before the call, because the process may be killed during it. A group that already has a connection is not
-- recorded; and when another object is the member ("exist"), the history stays that object's.
local function record_activate(activate, group)
  if type(group) == "table" then
    recorded[group] = recorded[group] or not group._handle or nil
  end
  write(group, "activate")
  local ok, message, code = activate(group)
  if not ok and code ~= "exist" then
    write(group, "deactivate")
  end
  return ok, message, code
end

local function record_deactivate(deactivate, group)
  local ok, message, code = deactivate(group)
  if ok then
    write(group, "deactivate")
  end
  return ok, message, code
end

local function record_error(report, group, message)
  write(group, "error", escaped(message))
  return report(group, message)
end

local function begin(for_handle, group, ...)
  recorded[group] = true
  return for_handle(group, ...)
end

local function observe_all()
  handlers.observe = function(group, name, ...)
    if observe[name] then
      observe[name](group, ...)
    end
  end
  wrap(groups.Group, "send_message", record_send)
  wrap(groups.Group, "activate", record_activate)
  wrap(groups.Group, "deactivate", record_deactivate)
  wrap(groups.Group, "_lose", record_loss)
  wrap(handlers, "for_handle", begin)
  wrap(handlers, "report", record_error)
end

function recorder.start(into)
  if not io then
    return nil, "cannot record histories: this Lua has no library io", "not_supported"
  elseif folder then
    return nil, ("this process already records in %s"):format(folder), "exist"
  end
  folder = into
  observe_all()
  return true
end

local NOTES = { quiet = true, raise = true, settled = true, usage = true }

function recorder.note(group, line)
  if type(group) ~= "table" or type(group.name) ~= "string" then
    caller.raise("bad argument #1 to 'note' (group expected, got %s)", type(group))
  end
  local event = type(line) == "string" and parser.event_of(line)
  if not event or not NOTES[event[1]] then
    caller.raise("bad argument #2 to 'note' (line: 'quiet', 'settled', 'raise word' or 'usage descriptors kilobytes' "
      .. "expected, got %s)", type(line) == "string" and quoted(line) or type(line))
  end
  write(group, line)
end

return recorder
