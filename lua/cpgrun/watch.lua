-- --watch: notices that the files of the script have changed. Editors write a file in several steps or put another in
-- its place: so its folder is watched, and a change is reported once nothing has changed for a moment.
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local uv = require "luv"
local world = require "cpgrun.reload.world"

local QUIET = 100 -- milliseconds

-- Returns the folder of a file, and its name there.
local function split(path)
  local folder, name = path:match "^(.*/)([^/]*)$"
  folder = folder or "./"
  return uv.fs_realpath(folder) or folder, name or path
end

-- The set of the names in that folder: of the script and the modules that it has loaded from there.
local function watched_names(folder, own_name)
  local names = { [own_name] = true }
  for _, path in pairs(world.files()) do
    local place, name = split(path)
    names[name] = names[name] or place == folder
  end
  return names
end

-- Calls a function after the file of the script, or of a module in its folder, has changed. To be called before the
-- script is loaded, because that may change the working folder.
return function(script, changed)
  local folder, own_name = split(script)
  local timer, event = own(uv.new_timer()), own(uv.new_fs_event())
  local ok, message = event:start(folder, {}, function(problem, name)
    if problem then
      log.error("cannot watch the folder %s: %s", folder, problem)
    elseif not name or watched_names(folder, own_name)[name] then
      timer:start(QUIET, 0, changed)
    end
  end)
  timer:unref()
  event:unref()
  if not ok then
    return nil, ("cannot watch the folder %s: %s"):format(folder, message)
  end
  return true
end
