-- Writes down what the groups of this process do.
local core = require "corosync.binding"
local digest = require "corosync.history.digest"
local groups = require "corosync.group"
local handlers = require "corosync.handlers"

local recorder = {}

local folder
local files = {} -- by name: a process is a member of a group once, with whatever object
local count, sends = 0, 0

local function escaped(text)
  return (tostring(text):gsub("[%c\\]", function(character) return ("\\%03d"):format(character:byte()) end))
end

-- Each line by a call of the system's own: a process may be killed at any moment.
local function file_of(group)
  local file = files[group.name]
  if not file then
    count = count + 1
    file = assert(io.open(("%s/%.6f-%d-%s.history"):format(folder, core.now(), count, tostring({}):match "%x+$"), "a"))
    file:setvbuf "no"
    files[group.name] = file
    file:write("group ", escaped(group.name), "\n")
  end
  return file
end

local function write(group, ...)
  file_of(group):write(table.concat({ ... }, " ") .. "\n")
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
  write(group, "config", list { group:address() }, list(members), list_with_reasons(left), list_with_reasons(joined))
end

function observe.ring_change(group, ring)
  write(group, "ring", ("%d:%s"):format(ring.node, tostring(ring.seq)))
end

function observe.message_received(group, address, message)
  write(group, "message", ("%d:%d"):format(address.node, address.pid), digest(message))
end

-- Around one of the functions that all groups share.
local function wrap(owner, name, around)
  local original = owner[name]
  owner[name] = function(...) return around(original, ...) end
end

local function answer(group, number, ...)
  local ok, _, code = ...
  write(group, "answer", number, ok and "true" or tostring(code))
  return ...
end

local function record_send(send, group, message, ...)
  if type(group) ~= "table" then -- a method called as a function, which that says
    return send(group, message, ...)
  end
  sends = sends + 1
  local number = ("%d"):format(sends)
  write(group, "send", number, digest(type(message) == "table" and table.concat(message) or tostring(message)))
  return answer(group, number, send(group, message, ...))
end

-- One that has left since its handlers lag stays out.
local function record_loss(lose, group, message, code)
  write(group, "lost")
  if code == "overflow" then
    write(group, "deactivate")
  end
  return lose(group, message, code)
end

local function record_wish(word)
  return function(act, group, ...)
    local ok, message, code = act(group, ...)
    if ok then
      write(group, word)
    end
    return ok, message, code
  end
end

local function record_error(report, group, message)
  write(group, "error", escaped(message))
  return report(group, message)
end

function recorder.start(into)
  folder = into
  handlers.observe = function(group, name, ...)
    if observe[name] then
      observe[name](group, ...)
    end
  end
  wrap(groups.Group, "send_message", record_send)
  wrap(groups.Group, "activate", record_wish "activate")
  wrap(groups.Group, "deactivate", record_wish "deactivate")
  wrap(groups.Group, "_lose", record_loss)
  wrap(handlers, "report", record_error)
end

function recorder.note(group, line)
  if folder then
    write(group, line)
  end
end

return recorder
