-- A trace: the histories of all groups of a process in one file. A line `group NAME` is followed by events of that
-- group. A full file becomes FILE.1, and the next one begins with what still holds.
local files = require "corosync.history.file"
local standing = require "corosync.history.standing"
local writer = require "corosync.history.writer"

local trace = { purpose = "write a trace" }

local LIMIT = 16 * 2 ^ 20 -- bytes of a file

local path, file
local group -- of the last lines
local kept = {} -- by group: its standing lines

local function write(name, line)
  if group ~= name then
    group = name
    line = ("group %s\n%s"):format(writer.escaped(name), line)
  end
  return file:write(line)
end

local function begin_next()
  file:close()
  local ok, why = os.rename(path, path .. ".1")
  if ok then
    ok, why = trace.start(path)
  end
  for name, lines in pairs(ok and kept or {}) do
    for _, line in ipairs(standing.lines(lines)) do
      write(name, line)
    end
  end
  return ok, why
end

-- The line `start` separates processes that write into the same file one after another.
function trace.start(into)
  local why
  path, group = into, nil
  file, why = files.open(into)
  if not file then
    return nil, why
  elseif next(kept) then
    return true
  end
  return file:write "start"
end

-- Returns true, or nil and a message.
function trace.write(name, line)
  kept[name] = kept[name] or standing.new()
  standing.note(kept[name], line)
  local ok, why = write(name, line)
  if ok and file.size >= LIMIT then
    ok, why = begin_next()
  end
  return ok, why
end

function trace.close() end

return trace
