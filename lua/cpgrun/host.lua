-- Runs the script as a member of its group on the local Corosync.
local KEY = require "corosync.private"
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local corosync = require "corosync"
local dry_run = require "cpgrun.dry_run"
local errors = require "corosync.errors"
local groups = require "corosync.group"
local guards = require "corosync.handlers"
local invariants = require "cpgrun.invariants"
local log = require "cpgrun.log"
local objects = require "cpgrun.objects"
local recording = require "cpgrun.recording"
local script = require "cpgrun.script"
local service = require "corosync.service"
local signals = require "cpgrun.signals"
local uv = require "luv"

local Group = corosync.Group

-- Looks the script's global up at each event, so that the script may define or replace it at any time.
local function global(name)
  return function(...)
    local handler = rawget(_G, name)
    if handler then
      return handler(...)
    end
  end
end

-- The table in which message_received is looked up at each message: the globals themselves, because a function costs at
-- each message; a function if the globals are checked, as by strict.lua.
local function globals()
  return getmetatable(_G) == nil and _G or function(_, name) return rawget(_G, name) end
end

local function call(name, ...)
  local ok, message = script.call(name, ...)
  if not ok then
    log.raised(message)
  end
end

-- The group reconnects by itself, unless it was leaving or the script leaves it now. When it has left because handlers
-- lag, or cannot reconnect, the program ends.
local function on_disconnected(state, reason)
  local group = state.group
  local comes_back, ended_by = Group.is_active(group), group[KEY].ended_by
  state.lost, state.away = state.greeted, { since = core.now() }
  call("disconnected", reason)
  if Group.is_active(group) then
    log.warning("%s; reconnecting", reason)
  elseif comes_back or ended_by == "not_connected" then
    log.warning("%s", reason)
  else
    log.error(reason)
    state.status = 1
    corosync.loop.stop()
  end
end

local function config_change(state)
  local tell = global "config_change"
  return function(members, left, joined)
    if state.lost then
      state.lost = false
      log.info("rejoined group %s", errors.quote(state.group.name))
    end
    return tell(members, left, joined)
  end
end

local LAG_TOLD, LAG_PAUSE = 1, 10 -- seconds: the shortest lag that is logged, and the pause between two warnings

local function size(bytes)
  return bytes < 1e6 and ("%.1f kB"):format(bytes / 1e3) or ("%.1f MB"):format(bytes / 1e6)
end

-- Logs lagging handlers, but not each time.
local function lagged(state)
  local tell = global "lagged"
  return function(seconds, events, bytes)
    local now = core.now()
    if seconds >= LAG_TOLD and now >= (state.next_lag or 0) then
      state.next_lag = now + LAG_PAUSE
      log.warning("handlers of group %s lag: %s (%s) wait, the oldest for %.1f s",
        errors.quote(state.group.name), log.count(events, "event"), size(bytes), seconds)
    end
    return tell(seconds, events, bytes)
  end
end

local function reader(chosen)
  return chosen.reader_limit > 0 and { limit = chosen.reader_limit, full = chosen.reader_full } or nil
end

local function handlers(state, chosen)
  return {
    lagged = lagged(state),
    pack = chosen.pack or chosen.user ~= nil, -- see set_pack
    reader = reader(chosen),
    config_change = config_change(state),
    ring_change = global "ring_change",
    error = log.raised,
    disconnected = function(reason) on_disconnected(state, reason) end,
  }
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
  local hooks = { activates_to_send = true, globals = globals }
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
      record.object.name = name
      set_pack(record, group_handlers, pack)
      -- Views cost a connection.
      group_handlers.view_change = rawget(_G, "view_change") and global "view_change"
    end
    return true
  end
  return hooks
end

-- Their disconnects are not logged, because the group's are.
local function serve(name, opened, message)
  if not opened then
    return nil, message
  end
  _G[name] = opened
  local ok
  ok, message = corosync.loop.add(opened)
  if ok then
    corosync.loop.unref(opened)
  end
  return ok, message
end

-- Sets the globals cmap and quorum. The group connects first: its error message is the most useful.
local function open_services(group)
  local ok, message = Group.address(group)
  if ok then
    ok, message = serve("cmap", service.cmap("icmap", { error = log.raised }))
  end
  if ok then
    local quorum_change = recording.quorum_change(group, global "quorum_change")
    ok, message = serve("quorum", service.quorum { quorum_change = quorum_change, error = log.raised })
  end
  return ok, message
end

-- The first signal stops the loop. A second one, during the leave or while a handler does not return, ends the process,
-- and so does the first while the script loads.
local function stop_on_signals(facts)
  local handles = signals.first({ "sighup", "sigint", "sigterm" }, facts, function(name)
    log.info("stopping on %s", name)
    corosync.loop.stop()
  end)
  for _, handle in pairs(handles) do
    handle:unref()
  end
  facts.guard()
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
  call "started"
  warn_of_late_pack(group, state.chosen)
  objects.warn_of_late_name(group.name)
end

local LONGEST_SILENCE = 60 -- seconds, at first

-- Logs that a group is still joining or reconnecting, each time after twice as long. A join takes long while the ring
-- keeps breaking, because groups receive nothing then.
local function complain_of_absence(group, state, first)
  local away = state.away or { since = core.now() }
  local seconds = core.now() - away.since
  state.away = group[KEY].state ~= "joined" and Group.is_active(group) and away or nil
  if state.away and seconds >= (away.next or first) then
    away.next = 2 * seconds
    log.warning(group[KEY].state == "reconnecting"
      and "group %s is still disconnected after %.0f s; retrying (see Corosync's log)"
      or "group %s has not joined after %.0f s; still waiting: do the cluster's nodes reach each other? "
      .. "(see corosync-cfgtool -s and Corosync's log)", errors.quote(group.name), seconds)
  end
end

local function remind_of_absence(group, state)
  -- The script may have set it to 0, a fraction, infinity or not a number; libuv takes whole milliseconds.
  local seconds = type(group.timeout) == "number" and group.timeout == group.timeout and group.timeout or 10
  local pause = math.floor(1000 * math.min(math.max(seconds, 1), LONGEST_SILENCE))
  local timer = uv.new_timer()
  state.away = { since = core.now() }
  timer:start(pause, pause, function() complain_of_absence(group, state, pause / 2000) end)
  timer:unref()
end

-- In the loop, so that signals work during the join; and before each wait, because not all events come after one. A
-- group that leaves or loses its daemon meanwhile joins later.
local function greet_when_joined(group, state)
  if group[KEY].state == "joined" then
    return greet(group, state)
  end
  local watch = uv.new_prepare()
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

local function run(group, state)
  if not join(group) then
    return 1
  end
  remind_of_absence(group, state)
  greet_when_joined(group, state)
  corosync.loop.run()
  call "stopping"
  objects.close()
  local status = leave(group)
  return state.status ~= 0 and state.status or status
end

-- Always logged, because the script may use quorum at any time.
local function warn_of_no_provider(quorum)
  local quorate, message, code = quorum:quorate()
  if quorate == nil and code == "no_quorum_provider" then
    log.warning(message)
  end
end

local function prepare(group, chosen)
  if chosen.check then
    dry_run.prepare()
    return true
  end
  local ok, message = open_services(group)
  if ok then
    warn_of_no_provider(_G.quorum)
  end
  return ok, message
end

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/host%.lua$"

local function set_limit(chosen, facts)
  if chosen.handler_timeout then
    if jit then
      require "cpgrun.jit_off"
    end
    script.protected = facts.limit(chosen.handler_timeout, OWN_LUA)
    guards.guard = script.protected
  end
end

local function set_storage(chosen)
  if chosen.storage and not chosen.check then
    require("corosync.replica.defaults").storage_folder = chosen.storage
  end
end

local function warn_of_misspelt()
  for meant, name in pairs(script.misspelt()) do
    log.warning("the script defines %s, which is never called: did you mean %s?", name, meant)
  end
end

-- Checked first: a missing script is a more useful error than a missing Corosync.
local function check_exists(path)
  local ok, message = uv.fs_stat(path)
  if not ok then
    log.error("cannot open the script %s: %s", path, (message:gsub("^%u+: (.-): .*$", "%1")))
  end
  return ok
end

-- Opens all connections that the script may need, because another user may not be allowed to.
local function connect_all(group)
  local ok, message, code = connection.open_views(group[KEY])
  if ok then
    ok, message, code = Group.is_quorate(group)
  end
  if ok ~= nil or code == "no_quorum_provider" then
    ok, message, code = Group.cmap_get(group, "totem.version")
  end
  return ok ~= nil or code == "not_exist", message
end

local function drop_privileges(group, chosen, facts)
  if not chosen.user or chosen.check then
    return true
  end
  local ok, message = connect_all(group)
  if ok then
    ok, message = facts.become(chosen.user)
  end
  return ok, message
end

-- luv 1.44 crashes when the state is closed in one of its callbacks: so the process exits without closing it.
local function exit_plainly()
  local exit = os.exit
  function os.exit(code) -- luacheck: ignore 122
    log.flush()
    exit(code)
  end
end

return function(chosen, facts)
  if not check_exists(chosen.script) then
    return 1
  end
  local state = { status = 0, chosen = chosen }
  local ok, message = recording.start(chosen)
  if not ok then
    log.error(message)
    return 1
  end
  set_limit(chosen, facts)
  set_storage(chosen)
  if chosen.watchdog > 0 and not chosen.check then
    core.watchdog(chosen.watchdog)
  end
  local group_handlers = handlers(state, chosen)
  local group = groups.derive(Group, chosen.group or "unnamed", group_handlers, late_hooks(chosen, group_handlers))
  -- The script may overwrite its globals.
  state.group, _G.group = group, group
  _G.check = invariants(group)
  ok, message = prepare(group, chosen)
  if ok then
    ok, message = drop_privileges(group, chosen, facts)
  end
  if ok then
    stop_on_signals(facts)
    exit_plainly()
    objects.define(chosen)
    ok, message = script.load(chosen.script, chosen.arguments)
    facts.loaded()
  end
  if not ok then
    log.raised(message)
    leave(group)
    return 1
  end
  warn_of_misspelt()
  if chosen.check then
    return dry_run.report(chosen)
  end
  group[KEY].hooks.activates_to_send = nil
  return run(group, state)
end
