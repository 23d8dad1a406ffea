-- Joins and leaves the script's group.
local KEY = require "corosync.private"
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local corosync = require "corosync"
local errors = require "corosync.errors"
local globals = require "cpgrun.script.globals"
local log = require "cpgrun.log"
local objects = require "cpgrun.script.objects"
local own = require "corosync.own_handles"
local script = require "cpgrun.script"
local uv = require "luv"

local Group = corosync.Group

local membership = {}

-- `pack` is an option of the connection, which may have been opened with another value. A connection that packs is kept
-- and changed, because with --user a new one might not be permitted. Other connections do not pack, because the timer
-- costs at each poll: they are closed, and the join opens a new one.
local function set_pack(record, group_handlers, pack)
  local present = group_handlers.pack or false
  if record.handle and present ~= pack then
    if present then
      core.cpg.repack(record.handle, pack)
    else
      connection.close(record)
    end
  end
  group_handlers.pack = pack
end

-- The script's group name and handlers are known only after it has run. When it sends while it runs, the group is
-- activated with those that are defined by then.
function membership.hooks(options, group_handlers)
  local hooks = { activates_to_send = true, globals = globals.lookup }
  function hooks.before_activate(record)
    local name, message = script.group_name(options.script, options.group)
    local pack
    if name then
      pack, message = script.pack(options.script, options.pack)
    end
    if pack == nil then
      return nil, message, "invalid_script"
    end
    if not Group.is_active(record.object) then
      record.object.name, log.group = name, name
      set_pack(record, group_handlers, pack)
      -- Views cost a connection.
      group_handlers.view_change = rawget(_G, "view_change") and globals.caller "view_change"
    end
    return true
  end
  return hooks
end

function membership.join(group)
  local ok, message = corosync.loop.add(group)
  if not ok then
    log.error(message)
  end
  return ok
end

-- The option of a joined group does not change.
local function warn_of_late_pack(group, options)
  if script.pack(options.script, options.pack) ~= (group[KEY].handlers.pack or false) then
    log.warning("the global 'pack' was set after group %s had been joined, so it has no effect: set it before the "
      .. "script sends or its file ends", errors.quote(group.name))
  end
end

local function greet(group, state)
  state.greeted = true
  log.info("joined group %s as %s", errors.quote(group.name), tostring(Group.address(group)))
  state.call "started"
  warn_of_late_pack(group, state.options)
  objects.warn_of_late_name(group.name)
end

-- In the loop, so that signals work during the join; and before each wait, because not all events come after one. A
-- group that leaves or loses its daemon meanwhile joins later.
function membership.greet(group, state)
  if group[KEY].state == "joined" then
    return greet(group, state)
  end
  local watch = own(uv.new_prepare())
  watch:start(function()
    if group[KEY].state == "joined" then
      watch:close()
      greet(group, state)
    end
  end)
  watch:unref()
end

function membership.leave(group)
  local ok, message = Group.deactivate(group)
  if ok and group[KEY].state ~= "idle" then
    ok, message = Group.wait_for(group, function() return group[KEY].state == "idle" end, nil, "complete the leave of")
  end
  if not ok then
    log.error(message)
    return 1
  end
  return 0
end

return membership
