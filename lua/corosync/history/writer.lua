-- Writes lines into the histories of this process's groups.
local core = require "corosync.binding"
local errors = require "corosync.errors"

local writer = {}

local folder
-- By the group's name, because a process is a member of a group only once: the path of the history, false when it
-- cannot be written; and the file while it is open.
local paths, files = {}, {}
local recorded = setmetatable({}, { __mode = "k" }) -- the groups that were activated after the start
local count = 0

function writer.escaped(text)
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
    write_line(record, "group " .. writer.escaped(name))
  end
end

-- A process may have been in more groups than it may open files.
function writer.close(record)
  if files[record.object.name] then
    files[record.object.name]:close()
    files[record.object.name] = nil
  end
end

function writer.write(record, ...)
  if not recorded[record] or paths[record.object.name] == false then
    return
  elseif not files[record.object.name] then
    open(record)
  end
  if files[record.object.name] then
    write_line(record, table.concat({ ... }, " "))
  end
end

function writer.add(record)
  recorded[record] = true
end

function writer.is_recorded(record)
  return recorded[record] ~= nil
end

function writer.start(into)
  if not io then
    return nil, "cannot record histories: this Lua has no library io", "not_supported"
  elseif folder then
    return nil, ("this process already records in %s"):format(folder), "exist"
  end
  folder = into
  return true
end

return writer
