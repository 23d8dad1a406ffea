-- Runs the script as a member of its group on the local Corosync. The files that take part share `state`:
--   options, call(name, argument)   the command line; calls a global function of the script and logs its error
--   group, cmap, quorum             as the globals of these names were before the script could change them
--   status                          the exit status, unless the leave fails
--   loaded, wants_reload            whether the script can be reloaded now; whether that was requested (control.lua)
--   greeted                         whether `started` was called (membership.lua)
--   away                            { since, next, returns } while the group is not joined, for warnings (absence.lua)
--   suspended                       the same by name for replicas that are not ready
--   lost, next_lag                  whether to log the next join; when to log a lag again (script/group_events.lua)
local KEY = require "corosync.private"
local absence = require "cpgrun.absence"
local control = require "cpgrun.control"
local conveniences = require "cpgrun.script.conveniences"
local core = require "corosync.binding"
local corosync = require "corosync"
local dry_run = require "cpgrun.dry_run"
local entries = require "corosync.loop.entry"
local group_events = require "cpgrun.script.group_events"
local guess = require("corosync.suggest").guess
local invariants = require "cpgrun.script.invariants"
local limits = require "cpgrun.limits"
local log = require "cpgrun.log"
local membership = require "cpgrun.membership"
local new_group = require("corosync.group.object").new
local objects = require "cpgrun.script.objects"
local outlets = require "cpgrun.outlets"
local privileges = require "cpgrun.privileges"
local recording = require "cpgrun.recording"
local script = require "cpgrun.script"
local services = require "cpgrun.script.services"
local supervise = require "cpgrun.supervise"
local uv = require "luv"
local world = require "cpgrun.reload.world"

local function call(name, argument)
  local ok, message = script.call(name, argument)
  if not ok then
    log.raised(message)
  end
end

function entries.recovered(object, seconds)
  log.info("events of %s are handled again, after %.1f s", tostring(object), seconds)
end

-- Checked first: a missing script is a more useful error than a missing Corosync.
local function check_exists(path)
  local ok, message = uv.fs_stat(path)
  if not ok then
    message = message:gsub("^%u+: (.-): .*$", "%1")
    log.error("cannot open the script %s: %s%s", path, message, guess(require("cpgrun.options").commands(), path))
  end
  return ok
end

local function set_options(options, native)
  limits.set(options, native)
  if options.storage and not options.check then
    require("corosync.replica.defaults").storage_folder = options.storage
  end
  if options.watchdog > 0 and not options.check then
    core.watchdog(options.watchdog, options.log_format)
  end
end

-- The script may overwrite these globals.
local function make_group(state)
  local options, group_handlers = state.options, group_events.handlers(state)
  state.group = new_group(corosync.Group, options.group or "unnamed", group_handlers,
    membership.hooks(options, group_handlers))
  _G.group, _G.check = state.group, invariants(state.group)
end

-- Connects to Corosync, and gives up root. Returns true, or nil and a message.
local function connect(state, native)
  local ok, message = true, nil
  if state.options.check then
    dry_run.prepare()
  else
    ok, message = services.open(state.group)
  end
  state.cmap, state.quorum = _G.cmap, _G.quorum
  if ok then
    ok, message = privileges.drop(state.group, state.options, native)
  end
  if ok then
    ok, message = supervise.end_with_parent(native), "the supervisor of this script has ended"
  end
  return ok, message
end

-- luv 1.44 crashes when the state is closed in one of its callbacks, so the process exits without closing it.
local function exit_plainly()
  local exit = os.exit
  function os.exit(code) -- luacheck: ignore 122
    log.flush()
    outlets.close()
    exit(code)
  end
end

-- Returns true, or nil and a message.
local function load_script(state, native)
  local options = state.options
  control.begin(state, native)
  exit_plainly()
  outlets.open(native)
  objects.define(options)
  conveniences.define()
  world.note(state.group)
  local ok, message = limits.fit(options)
  if ok then
    ok, message = script.load(options.script, options.arguments)
    native.loaded()
  end
  return ok, message
end

-- Joins, runs the loop, and leaves. Returns the exit status.
local function run(state)
  local group = state.group
  group[KEY].hooks.activates_to_send = nil
  if not membership.join(group) then
    return 1
  end
  control.loaded(state)
  outlets.begin(state)
  absence.watch(group, state)
  membership.greet(group, state)
  corosync.loop.run()
  control.ending(state)
  state.call "stopping"
  objects.close()
  local left = membership.leave(group)
  return state.status ~= 0 and state.status or left
end

local function load_and_run(state, native)
  local ok, message = connect(state, native)
  if ok then
    ok, message = load_script(state, native)
  end
  if not ok then
    log.raised(message)
    membership.leave(state.group)
    return 1
  end
  script.warn_of_misspelt()
  if state.options.check then
    return dry_run.report(state.options)
  end
  return run(state)
end

return function(options, native)
  if not check_exists(options.script) then
    return 1
  end
  log.counts_repeats, log.script = true, log.name or supervise.name_of(options.script)
  local state = { status = 0, options = options, call = call }
  local ok, message = recording.start(options)
  if ok then
    ok, message = outlets.prepare(state, native)
  end
  if not ok then
    log.error(message)
    return 1
  end
  set_options(options, native)
  make_group(state)
  local code = load_and_run(state, native)
  outlets.close()
  return code
end
