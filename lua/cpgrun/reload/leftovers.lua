-- What a script leaves in the process: luv's handles, groups and handles in the loop, and trackers of the map. `open`
-- lists them; `close` closes those of a list that are not in another.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local registry = require "corosync.replica.registry"
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local own_handles = require "corosync.own_handles"
local uv = require "luv"

local leftovers = {}

local function handles()
  local found = {}
  uv.walk(function(handle)
    if not own_handles[handle] then
      found[handle] = function()
        if not handle:is_closing() then
          handle:close()
        end
      end
    end
  end)
  return found
end

-- Waits until it has left, because a process is in a group once, and the next script may join it.
local function leave(group)
  local record = group[KEY]
  local ok, message = Group.deactivate(group)
  if ok and record.state ~= "idle" then
    ok, message = Group.wait_for(group, function() return record.state == "idle" end, nil, "complete the leave of")
  end
  if not ok then
    log.error(message)
  end
end

local function remove(object)
  local record = type(object) == "table" and object[KEY]
  if not record then
    loop.remove(object)
  elseif record.pending then -- a service
    object:close()
  else
    leave(object)
  end
end

local function objects(found, state)
  local kept = { [state.group] = true, [state.cmap] = true, [state.quorum] = true }
  for object in pairs(loop.objects()) do
    if not kept[object] and not registry.owns(object) then
      found[object] = function() remove(object) end
    end
  end
end

local function trackers(service, found)
  for tracker in pairs(service[KEY].trackers) do
    found[tracker] = function()
      for _, each in ipairs(tracker.trackers) do
        each:cancel()
      end
      service[KEY].trackers[tracker] = nil
    end
  end
end

-- By each thing: the function that closes it. `state`: the host's group, cmap and quorum.
function leftovers.open(state)
  local found = handles()
  objects(found, state)
  trackers(state.cmap, found)
  return found
end

function leftovers.close(all, but)
  for thing, close in pairs(all) do
    if not but[thing] then
      close()
    end
  end
end

return leftovers
