-- Loads the script anew beside the running one, between two events, and lets it take over. If that fails, the running
-- one goes on as before.
local KEY = require "corosync.private"
local Group = require("corosync").Group
local connection = require "corosync.group.connection"
local dispatch = require "corosync.group.dispatch"
local errors = require "corosync.errors"
local globals = require "cpgrun.script.globals"
local handover = require "corosync.replica.handover"
local leftovers = require "cpgrun.reload.leftovers"
local log = require "cpgrun.log"
local objects = require "cpgrun.script.objects"
local script = require "cpgrun.script"
local world = require "cpgrun.reload.world"

local reload = {}

local function packs_equally(one, other)
  if type(one) ~= "table" or type(other) ~= "table" then
    return (one or false) == (other or false)
  end
  return one.bytes == other.bytes and one.limit == other.limit
end

-- A member keeps its group and its way of packing. (One that has not been activated yet takes them later.)
local function check(state)
  local options, group = state.options, state.group
  local name, message = script.group_name(options.script, options.group)
  if not name then
    return nil, message
  elseif not Group.is_active(group) then
    return true
  elseif name ~= group.name then
    return nil, ("the script's group is now %s, but the running script is a member of %s: restart it"):format(
      errors.quote(name), errors.quote(group.name))
  end
  local pack, problem = script.pack(options.script, options.pack)
  if problem then
    return nil, problem
  elseif not packs_equally(pack, group[KEY].handlers.pack) then
    return nil, "the global 'pack' has changed, but a member cannot change how it packs: restart the script"
  end
  return true
end

-- Views cost a connection, so a member whose script had no view_change opens it now. Returns true, or nil and a
-- message.
local function open_views(record)
  if record.handlers.view_change or not rawget(_G, "view_change") then
    return true
  end
  record.handlers.view_change = globals.caller "view_change"
  if not record.handle then
    return true -- it reconnects
  end
  local ok, message = connection.prepare_views(record)
  if not ok then
    record.handlers.view_change = nil
    return nil, message
  end
  record.loop.remove(record)
  return connection.watch(record)
end

-- Calls a function of a module that is loaded only when it is used.
local function tell(module, name)
  local loaded = package.loaded[module]
  if loaded then
    loaded[name]()
  end
end

local METRICS = "cpgrun.metrics.registry"

local function load_new(state)
  local options = state.options
  objects.forget()
  tell(METRICS, "forget")
  local ok, message = script.load(options.script, options.arguments)
  if ok then
    ok, message = check(state)
  end
  if ok then
    ok, message = script.protected(handover.prepare)
  end
  if ok then
    ok, message = open_views(state.group[KEY])
  end
  return ok, message
end

-- Returns what the function of the running script returned.
local function before_reload(earlier)
  return world.within(earlier, function()
    local ok, result = script.call "before_reload"
    if not ok then
      log.raised(result)
      return nil
    end
    return result
  end)
end

local function take_over(state, earlier, before, release)
  local record = state.group[KEY]
  local passed = before_reload(earlier)
  leftovers.close(before, {})
  tell("cpgrun.socket.evaluation", "reloaded")
  if record.lookup then
    record.lookup.__index = globals.lookup()
  end
  release()
  handover.commit()
  tell(METRICS, "commit")
  log.info("reloaded %s", state.options.script)
  script.warn_of_misspelt()
  if rawget(_G, "after_reload") then
    state.call("after_reload", passed)
  elseif state.greeted then
    state.call "started"
  end
  handover.finish()
end

local function give_up(state, earlier, before, release, message)
  leftovers.close(leftovers.open(state), before)
  release()
  handover.rollback()
  tell(METRICS, "restore")
  objects.restore()
  world.restore(earlier)
  log.raised(message)
  log.error("%s was not reloaded: the running script goes on", state.options.script)
end

-- `state`: options, greeted, call(name, argument), and the script's group, cmap and quorum.
function reload.run(state)
  local before, release = leftovers.open(state), dispatch.hold(state.group[KEY])
  log.info("reloading %s", state.options.script)
  handover.begin()
  local earlier = world.clear()
  local ok, message = load_new(state)
  if ok then
    take_over(state, earlier, before, release)
  else
    give_up(state, earlier, before, release, message)
  end
end

return reload
