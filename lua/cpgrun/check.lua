-- `cpgrun check`: runs a script on every node of a lab under random faults, and checks the histories of its members.
local append = require("corosync.list").append
local core = require "corosync.binding"
local files = require "cpgrun.check.files"
local lab = require "corosync.lab"
local log = require "cpgrun.log"
local random_faults = require "cpgrun.check.random_faults"
local report = require "cpgrun.check.report"
local signals = require "cpgrun.signals"
local trial = require "cpgrun.check.trial"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local TRIAL = 20 -- seconds of faults: then they all end, and the histories are checked

local function host_argv(options, native)
  return append({ native.program, ("--group=check-%d"):format(options.seed), "--", options.script }, options.arguments)
end

local function run(session, options)
  local ending = core.now() + options.seconds
  local ok, _, problem = wait.call(function()
    repeat
      trial.run(session, math.min(TRIAL, math.max(ending - core.now(), 1)))
    until session.unable or not report.is_clean(session) or core.now() >= ending
  end)
  if not ok then
    session.failure = tostring(problem)
    files.keep(session)
  end
end

-- Returns a function that returns a seed for each script: different seeds of the check give different ones.
local function seeds_from(seed)
  local count = 0
  return function()
    count = count + 1
    return (seed * 65537 + count) % 2 ^ 31
  end
end

-- The private cluster ends with the process.
local function stop_on_signals(session, native)
  local handles = signals.first({ "sighup", "sigint", "sigpipe", "sigterm" }, native, function(name, number)
    report.say("Stopped by %s. The histories so far are in %s", name, session.folder)
    os.exit(128 + number)
  end)
  for _, handle in pairs(handles) do
    handle:unref()
  end
end

-- Returns the path of a new folder for the histories, or nil and a message.
local function make_folder()
  local parent = uv.os_tmpdir()
  local folder, problem = uv.fs_mkdtemp(parent .. "/cpgrun-check-XXXXXX")
  if not folder then
    return nil, ("cannot make a folder for the histories in %s: %s; set TMPDIR to a writable folder"):format(
      parent, (problem:gsub(": [^:]*cpgrun%-check%-%w+$", "")))
  end
  return folder
end

local function new_session(cluster, folder, options, native)
  local began = core.now()
  local function clock() return core.now() - began end
  return {
    cluster = cluster,
    folder = folder, -- of the histories
    argv = host_argv(options, native),
    no_quorum = options.no_quorum, -- then no replica has a state
    kill_all = options.kill_all or options.no_quorum,
    clock = clock,
    next_seed = seeds_from(options.seed),
    faults = random_faults(cluster, options.seed, clock, print),
    trials = 0, -- that were completed; the running one has `hosts` and `follower`
    compared = 0, -- how often the states of all scripts were compared
    -- Problems, as texts:
    violations = {}, invariants = {}, operations = {}, notes = {}, -- of rules that were violated
    undecided = {}, -- of rules that could not be decided
    differences = {}, ends = {}, leaks = {}, -- of states, exits and descriptors
    raised = {}, -- by text: how often the scripts have logged this error
    marks = {}, -- violated rules for the drawing
    figures = {}, exempted = {}, -- of the checker, added up over all trials
  }
end

return function(options, native)
  local _, problem = loadfile(options.script)
  if problem then
    log.error(problem)
    return 2
  end
  report.say("seed %d, %d nodes, %g seconds", options.seed, options.nodes, options.seconds)
  local folder, message = make_folder()
  local cluster
  if folder then
    cluster, message = lab.start { nodes = options.nodes, quorum = not options.no_quorum }
  end
  if not cluster then
    log.error(message)
    uv.fs_rmdir(folder or "")
    return 2
  end
  local session = new_session(cluster, folder, options, native)
  stop_on_signals(session, native)
  run(session, options)
  local status = report.print(session, options.seed)
  if status == 0 or session.unable then
    uv.fs_rmdir(folder)
  end
  cluster:stop()
  return status
end
