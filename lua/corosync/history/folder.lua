-- Histories in a folder: a file for each group of this process.
local core = require "corosync.binding"
local files_of = require "corosync.history.file"
local writer = require "corosync.history.writer"

local folder = { purpose = "record histories" }

local path
-- By the group's name, because a process is a member of a group only once: the path of the history, and the file while
-- it is open.
local paths, files = {}, {}
local count = 0

local function new_path()
  count = count + 1
  return ("%s/%.6f-%d-%s.history"):format(path, core.now(), count, tostring({}):match "%x+$")
end

local function open(name)
  local is_new = not paths[name]
  paths[name] = paths[name] or new_path()
  local file, why = files_of.open(paths[name])
  if file and is_new then
    local ok
    ok, why = file:write("group " .. writer.escaped(name))
    file = ok and file
  end
  files[name] = file or nil
  return file, why
end

function folder.start(into)
  path = into
  return true
end

-- Returns true, or nil and a message.
function folder.write(name, line)
  local file, why = files[name], nil
  if not file then
    file, why = open(name)
  end
  if not file then
    return nil, why
  end
  return file:write(line)
end

-- A process may have been in more groups than it may open files.
function folder.close(name)
  if files[name] then
    files[name]:close()
    files[name] = nil
  end
end

return folder
