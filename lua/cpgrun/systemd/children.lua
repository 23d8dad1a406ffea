-- Notifies systemd for several scripts (--also): ready when all of them are, alive while all of them are. Each script
-- writes its notifications into a pipe (notify.lua). Scripts that have ended are ignored, because the others continue.
local bytes_as_text = require "cpgrun.bytes_as_text"
local notify = require "cpgrun.systemd.notify"
local uv = require "luv"

local children = {}

local all = {} -- in order: name, status, has_ended, is_ready, is_alive (since the last WATCHDOG=1)
local is_ready = false -- as sent to systemd last

-- Whether all running scripts have the field; false if none is running.
local function every(field)
  local found = false
  for _, child in ipairs(all) do
    if not child.has_ended and not child[field] then
      return false
    end
    found = found or not child.has_ended
  end
  return found
end

local function send_status()
  local texts = {}
  for i, child in ipairs(all) do
    texts[i] = bytes_as_text(child.name):gsub("%c", " ") .. ": " .. child.status
  end
  notify.send("STATUS=" .. table.concat(texts, "; "))
end

-- READY=1 also ends a reload.
local function send_if_all()
  if not is_ready and every "is_ready" then
    is_ready = notify.send "READY=1"
  end
  if every "is_alive" then
    notify.send "WATCHDOG=1"
    for _, child in ipairs(all) do
      child.is_alive = false
    end
  end
end

local function reloading()
  if is_ready then
    is_ready = false
    notify.reloading()
  end
end

local took = {
  ["READY=1"] = function(child) child.is_ready = true end,
  ["WATCHDOG=1"] = function(child) child.is_alive = true end,
  ["RELOADING=1"] = function(child)
    child.is_ready = false
    reloading()
  end,
}

local function take(child, line)
  local status = line:match "^STATUS=(.*)"
  if status then
    child.status = status
    send_status()
  elseif took[line] then
    took[line](child)
    send_if_all()
  end
end

local function read(child, pipe)
  local rest = ""
  pipe:read_start(function(_, data)
    if not data then
      return pipe:close()
    end
    rest = (rest .. data):gsub("([^\n]*)\n", function(line)
      take(child, line)
      return ""
    end)
  end)
end

--- Adds a script that is about to start.
-- @tparam string name
-- @treturn table|nil the child, with its `pipe`, which must be its descriptor 3; nil without a service manager
function children.add(name)
  if not notify.is_active() then
    return
  end
  local child = { name = name, status = "starting", pipe = uv.new_pipe(false) }
  all[#all + 1] = child
  return child
end

--- The script runs.
-- @tparam table|nil child
function children.started(child)
  if child then
    read(child, child.pipe)
  end
end

--- The script has ended, or could not be started.
-- @tparam table|nil child
-- @tparam integer status
function children.ended(child, status)
  if child then
    child.has_ended, child.status = true, ("ended with status %d"):format(status)
    send_status()
    send_if_all()
  end
end

--- To be called when all scripts reload. Each sends READY=1 again.
function children.reloading()
  for _, child in ipairs(all) do
    child.is_ready = false
  end
  reloading()
end

--- To be called when all scripts stop.
function children.stopping()
  if notify.is_active() then
    notify.send "STOPPING=1"
  end
end

return children
