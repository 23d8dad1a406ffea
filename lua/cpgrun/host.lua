-- Runs the script as a member of its group on the local Corosync.
local KEY = require "corosync.private"
local absence = require "cpgrun.absence"
local connection = require "corosync.group.connection"
local control = require "cpgrun.control"
local conveniences = require "cpgrun.conveniences"
local control_socket = require "cpgrun.socket"
local core = require "corosync.binding"
local corosync = require "corosync"
local dry_run = require "cpgrun.dry_run"
local errors = require "corosync.errors"
local globals = require "cpgrun.globals"
local group_events = require "cpgrun.group_events"
local groups = require "corosync.group"
local guards = require "corosync.handlers"
local invariants = require "cpgrun.invariants"
local log = require "cpgrun.log"
local objects = require "cpgrun.objects"
local own = require "corosync.own_handles"
local privileges = require "cpgrun.privileges"
local recording = require "cpgrun.recording"
local script = require "cpgrun.script"
local services = require "cpgrun.services"
local status = require "cpgrun.status"
local supervise = require "cpgrun.supervise"
local systemd = require "cpgrun.systemd"
local uv = require "luv"
local world = require "cpgrun.reload.world"

local Group = corosync.Group

local function call(name, argument)
  local ok, message = script.call(name, argument)
  if not ok then
    log.raised(message)
  end
end

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
local function late_hooks(chosen, group_handlers)
  local hooks = { activates_to_send = true, globals = globals.lookup }
  function hooks.before_activate(record)
    local name, message = script.group_name(chosen.script, chosen.group)
    local pack
    if name then
      pack, message = script.pack(chosen.script, chosen.pack)
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

local function join(group)
  local ok, message = corosync.loop.add(group)
  if not ok then
    log.error(message)
  end
  return ok
end

-- The option of a joined group does not change.
local function warn_of_late_pack(group, chosen)
  if script.pack(chosen.script, chosen.pack) ~= (group[KEY].handlers.pack or false) then
    log.warning("the global 'pack' was set after group %s had been joined, so it has no effect: set it before the "
      .. "script sends or its file ends", errors.quote(group.name))
  end
end

local function greet(group, state)
  state.greeted = true
  log.info("joined group %s as %s", errors.quote(group.name), tostring(Group.address(group)))
  state.call "started"
  warn_of_late_pack(group, state.chosen)
  objects.warn_of_late_name(group.name)
end

-- In the loop, so that signals work during the join; and before each wait, because not all events come after one. A
-- group that leaves or loses its daemon meanwhile joins later.
local function greet_when_joined(group, state)
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

local function leave(group)
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

function corosync.loop.recovered(object, seconds)
  log.info("events of %s are handled again, after %.1f s", tostring(object), seconds)
end

-- The sockets by which other programs ask this one.
local function close_outlets(state)
  if state.metrics then
    state.metrics.close()
  end
  control_socket.close()
end

local function run(group, state)
  if not join(group) then
    return 1
  end
  if state.metrics then
    state.metrics.begin()
  end
  control.loaded(state)
  absence.watch(group, state)
  systemd.begin(state)
  greet_when_joined(group, state)
  corosync.loop.run()
  control.ending(state)
  state.call "stopping"
  objects.close()
  local left = leave(group)
  close_outlets(state)
  return state.status ~= 0 and state.status or left
end

local function prepare(group, chosen)
  if chosen.check then
    dry_run.prepare()
    return true
  end
  return services.open(group)
end

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/host%.lua$"

local function set_limits(chosen, facts)
  if jit and (chosen.handler_timeout or chosen.memory_limit) then
    require "cpgrun.jit_off"
  end
  if chosen.handler_timeout or chosen.memory_limit then
    guards.guard, guards.limit_memory = facts.limit(OWN_LUA, chosen.handler_timeout, chosen.memory_limit)
    guards.limits_time = chosen.handler_timeout ~= nil
    script.protected = guards.guard
  end
  log.memory_limit = chosen.memory_limit
end

-- True, or false and a message when the state already takes more memory than it may.
local function fits(chosen)
  if not chosen.memory_limit then
    return true
  end
  collectgarbage()
  local used, limit = collectgarbage "count", chosen.memory_limit / 1024
  return used < limit, ("--memory-limit of %.0f kB is too small: cpgrun itself uses %.0f kB before the script is "
    .. "loaded"):format(limit, used)
end

local function set_storage(chosen)
  if chosen.storage and not chosen.check then
    require("corosync.replica.defaults").storage_folder = chosen.storage
  end
end

-- Before root is given up, because the port may need it. The code is loaded only when it is used: each collector cycle
-- traverses it.
local function open_metrics(state)
  local chosen = state.chosen
  if chosen.check or not chosen.metrics and not chosen.metrics_file then
    return true
  end
  local message
  state.metrics, message = require("cpgrun.metrics").open(state)
  return state.metrics, message
end

-- Checked first: a missing script is a more useful error than a missing Corosync.
local function check_exists(path)
  local ok, message = uv.fs_stat(path)
  if not ok then
    log.error("cannot open the script %s: %s", path, (message:gsub("^%u+: (.-): .*$", "%1")))
  end
  return ok
end

-- luv 1.44 crashes when the state is closed in one of its callbacks: so the process exits without closing it.
local function exit_plainly(state)
  local exit = os.exit
  function os.exit(code) -- luacheck: ignore 122
    log.flush()
    close_outlets(state)
    exit(code)
  end
end

return function(chosen, facts)
  if not check_exists(chosen.script) then
    return 1
  end
  log.counts_repeats, log.script = true, log.name or supervise.name_of(chosen.script)
  local state = { status = 0, chosen = chosen, call = call }
  local ok, message = recording.start(chosen)
  if ok then
    ok, message = open_metrics(state)
  end
  if not ok then
    log.error(message)
    return 1
  end
  set_limits(chosen, facts)
  set_storage(chosen)
  if chosen.watchdog > 0 and not chosen.check then
    core.watchdog(chosen.watchdog, chosen.log_format)
  end
  local group_handlers = group_events.handlers(state)
  local group = groups.derive(Group, chosen.group or "unnamed", group_handlers, late_hooks(chosen, group_handlers))
  -- The script may overwrite its globals.
  state.group, _G.group = group, group
  _G.check = invariants(group)
  ok, message = prepare(group, chosen)
  state.cmap, state.quorum = _G.cmap, _G.quorum
  status.begin(state, facts)
  local socket_folder = ok and control_socket.prepare(chosen, facts)
  if ok then
    ok, message = privileges.drop(group, chosen, facts)
  end
  if ok then
    ok, message = supervise.end_with_parent(facts), "the supervisor of this script has ended"
  end
  if ok then
    control.begin(state, facts)
    exit_plainly(state)
    if socket_folder then
      control_socket.open(socket_folder, facts)
    end
    objects.define(chosen)
    conveniences.define()
    world.note(group)
    ok, message = fits(chosen)
  end
  if ok then
    ok, message = script.load(chosen.script, chosen.arguments)
    facts.loaded()
  end
  if not ok then
    log.raised(message)
    leave(group)
    close_outlets(state)
    return 1
  end
  script.warn_of_misspelt()
  if chosen.check then
    return dry_run.report(chosen)
  end
  group[KEY].hooks.activates_to_send = nil
  return run(group, state)
end
