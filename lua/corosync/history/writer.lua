-- Writes lines of this process's groups into histories.
local errors = require "corosync.errors"

local writer = {}

-- Where lines go: functions start(path), write(name, line) and close(name), with a group's name.
local target, place
local recorded = setmetatable({}, { __mode = "k" }) -- the groups that were activated after the start
local has_failed = {} -- by the group's name

function writer.escaped(text)
  return (tostring(text):gsub("[%c\\]", function(character) return ("\\%03d"):format(character:byte()) end))
end

function writer.close(record)
  if target then
    target.close(record.object.name)
  end
end

-- A failure is reported once: the recording must not disturb the group.
function writer.write(record, ...)
  local name = record.object.name
  if not recorded[record] or has_failed[name] then
    return
  end
  local ok, why = target.write(name, table.concat({ ... }, " "))
  if not ok then
    has_failed[name] = true
    record.hooks.log(("corosync: cannot record group %s any more: %s"):format(errors.quote(name), why))
  end
end

function writer.add(record)
  recorded[record] = true
end

function writer.is_recorded(record)
  return recorded[record] ~= nil
end

function writer.start(into, path)
  if not io then
    return nil, "cannot record histories: this Lua has no library io", "not_supported"
  elseif target then
    return nil, ("this process already records in %s"):format(place), "exist"
  end
  local ok, why = into.start(path)
  if not ok then
    return nil, ("cannot %s: %s"):format(into.purpose, why), "unwritable"
  end
  target, place = into, path
  return true
end

return writer
