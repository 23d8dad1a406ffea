-- `cpgrun check`: runs a script on every node of a lab under random faults, and checks the histories of its members.
local append = require("corosync.list").append
local checker = require "corosync.checker"
local core = require "corosync.binding"
local drawing = require "cpgrun.drawing"
local follower = require "cpgrun.check.history_follower"
local join_storm = require "cpgrun.check.join_storm"
local lab = require "corosync.lab"
local log = require "cpgrun.log"
local new_hosts = require "cpgrun.check.hosts"
local random_faults = require "cpgrun.check.random_faults"
local report = require "cpgrun.check.report"
local signals = require "cpgrun.signals"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local TRIAL = 20 -- seconds of faults: then they all end, and the histories are checked
local RING, VIEWS, REPLIES = 60, 30, 20 -- seconds for the daemons, the views and the replies to "settle"
local SILENT = 3 -- seconds to wait for the first reply
local SPARE = 20 -- descriptors that a script may open after the middle of a trial

-- ---- a trial ----

local function count_states(hosts)
  local count = 0
  for _, host in hosts:each() do
    count = count + (host:state() and 1 or 0)
  end
  return count
end

-- All scripts must report the same state.
local function compare_states(session)
  local texts, states, differ = {}, {}, false
  for node, host in session.hosts:each() do
    local state = host:state()
    texts[#texts + 1] = state and ("node %d reported '%s'"):format(node, state)
      or ("node %d did not reply"):format(node)
    states[#states + 1] = state
    differ = differ or not state or state ~= states[1]
  end
  session.compared = session.compared + 1
  if differ then
    table.insert(session.differences, "states after settling: " .. table.concat(texts, ", "))
  end
end

-- The highest count in the middle of a trial, when the scripts have opened their files; nil before any has joined.
local function count_descriptors(session)
  session.descriptors = nil
  for _, host in session.hosts:each() do
    if host:has_joined() then
      session.descriptors = math.max(session.descriptors or 0, host:count_descriptors())
    end
  end
end

-- A leak is one with each message, or with each connection.
local function note_leaks(session)
  for node, host in session.hosts:each() do
    local count = host:count_descriptors()
    if session.descriptors and count > session.descriptors + SPARE then
      table.insert(session.leaks, ("the script on node %d has %d descriptors open after settling, and had at most %d "
        .. "in the middle of the trial"):format(node, count, session.descriptors))
    end
  end
end

-- Scripts that read their input learn that all faults have ended, and may reply with their state.
local function ask_to_settle(session)
  local hosts, replies = session.hosts, false
  for _, host in hosts:each() do
    host.process:write "settle\n"
  end
  wait.until_true(function()
    for _, host in hosts:each() do
      replies = replies or host:replies()
    end
    return replies
  end, SILENT)
  if replies then
    wait.until_true(function() return count_states(hosts) == hosts.cluster.nodes end, REPLIES)
    compare_states(session)
  end
end

local function settle(session)
  local nodes = {}
  session.faults:end_all()
  for node = 1, session.cluster.nodes do
    nodes[node] = node
  end
  print(("%6.1f s  all faults have ended"):format(session.clock()))
  local ok, message = session.cluster:wait_members(nodes, RING)
  if not ok and join_storm.is_on(session.cluster) then
    session.faults:end_storm()
    ok, message = session.cluster:wait_members(nodes, RING)
  end
  if not ok then
    error(message, 0)
  end
  wait.until_true(function() return session.follower:agree() end, VIEWS)
  ask_to_settle(session)
  session.follower:mark_settled()
  note_leaks(session)
end

-- A replica's report, without the members and the index.
local DIVERGED = "^corosync: group .-: (diverged: the state of machine .- differs) from "

-- Counts each logged error by its text. A script names the errors that it raises on purpose "raised e1", "raised e2".
local function note_errors(session, host)
  for _, line in ipairs(host.process.errors) do
    local text = line:match(log.LINE .. "error: (.*)") or line:match(DIVERGED)
    local times, repeated = (text or ""):match "^same error again, (%d+) times?: (.*)$"
    text = repeated or text
    if text and not text:match "raised e%d+" then
      session.raised[text] = (session.raised[text] or 0) + (tonumber(times) or 1)
    end
  end
end

local function stop_hosts(session)
  for _, host in session.hosts:each() do
    host.process:kill "sigterm"
  end
  for _, host in ipairs(session.hosts.all) do
    local problem = host:wait_exit()
    if problem then
      table.insert(session.ends, ("the script on node %d %s"):format(host.node, problem))
    end
    if not host:met_no_corosync() then
      note_errors(session, host)
    end
  end
end

local function add(to, numbers)
  for name, number in pairs(numbers) do
    to[name] = (to[name] or 0) + number
  end
end

-- The lists for violations of rules that are not about deliveries: about the script's own notes and
-- operations.
local LISTS = { leaks = "notes", reported_errors = "notes", linearizable = "operations",
  unique = "invariants", exclusive = "invariants" }

local function text_of(violation)
  return ("%s: %s (%s:%d)"):format(violation.rule, violation.text, violation.history, violation.line)
end

local function histories(session)
  local paths = {}
  for _, host in ipairs(session.hosts.all) do
    append(paths, follower.files_in(host.folder))
  end
  return paths
end

local function check_histories(session)
  for _, host in ipairs(session.hosts.all) do
    if host:recording_error() then -- as on a full disk
      error(host:recording_error(), 0)
    end
  end
  local result, message = checker.check_files(histories(session))
  if not result then
    error(message, 0)
  end
  for _, violation in ipairs(result.violations) do
    table.insert(session[LISTS[violation.rule] or "violations"], text_of(violation))
    table.insert(session.marks, { text = text_of(violation), history = violation.history, line = violation.line })
  end
  for _, violation in ipairs(result.undecided) do
    table.insert(session.undecided, text_of(violation))
  end
  add(session.figures, result.figures)
  add(session.exempted, result.exempted)
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function remove_files(session)
  for _, host in ipairs(session.hosts.all) do
    for _, path in ipairs(follower.files_in(host.folder)) do
      os.remove(path)
    end
    uv.fs_rmdir(host.folder)
  end
end

-- The scripts' output and Corosync's logs go beside the histories.
local function keep_output(session)
  for node = 1, session.cluster.nodes do
    write_file(("%s/node%d.corosync.txt"):format(session.folder, node), session.cluster:log(node))
  end
  for _, host in ipairs(session.hosts.all) do
    for name, lines in pairs { out = host.process.lines, err = host.process.errors } do
      write_file(("%s.node%d.%s.txt"):format(host.folder, host.node, name), table.concat(lines, "\n") .. "\n")
    end
  end
end

local function draw(session)
  local path = session.folder .. "/drawing.html"
  local ok, message = drawing.write(histories(session), path, session.marks)
  session.drawing = ok and path
  if not ok then
    log.warning(message)
  end
end

local function keep_all(session)
  draw(session)
  keep_output(session)
end

local function start_all(session, hosts)
  for node = 1, session.cluster.nodes do
    hosts:start(node)
  end
  wait.until_true(function() return session.follower:agree() or hosts:failed_start() end, VIEWS)
  session.unable = session.trials == 0 and hosts:failed_start() or nil
  return not session.unable
end

local function make_faults(session, seconds)
  local ending = core.now() + seconds
  while core.now() < ending do
    session.faults:step()
  end
end

local function run_trial(session, seconds)
  local hosts = new_hosts(session.cluster, session.argv, session.folder, session.next_seed)
  session.hosts, session.faults.hosts, session.follower = hosts, hosts, follower.new(hosts)
  if not start_all(session, hosts) then
    return remove_files(session)
  end
  make_faults(session, seconds / 2)
  count_descriptors(session)
  make_faults(session, seconds / 2)
  settle(session)
  stop_hosts(session)
  check_histories(session)
  session.trials = session.trials + 1
  if report.is_clean(session) then
    remove_files(session)
  else
    keep_all(session)
  end
  collectgarbage()
end

-- ---- the whole run ----

local function host_argv(chosen, facts)
  return append({ facts.program, ("--group=check-%d"):format(chosen.seed), "--", chosen.script }, chosen.arguments)
end

local function run(session, chosen)
  local ending = core.now() + chosen.seconds
  local ok, _, problem = wait.call(function()
    repeat
      run_trial(session, math.min(TRIAL, math.max(ending - core.now(), 1)))
    until session.unable or not report.is_clean(session) or core.now() >= ending
  end)
  if not ok then
    session.failure = tostring(problem)
    keep_all(session)
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
local function stop_on_signals(session, facts)
  local handles = signals.first({ "sighup", "sigint", "sigpipe", "sigterm" }, facts, function(name, number)
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

local function new_session(cluster, folder, chosen, facts)
  local began = core.now()
  local function clock() return core.now() - began end
  return {
    cluster = cluster, folder = folder, argv = host_argv(chosen, facts), clock = clock,
    violations = {}, invariants = {}, operations = {}, undecided = {}, notes = {}, differences = {}, ends = {},
    leaks = {}, marks = {},
    raised = {}, figures = {}, exempted = {}, trials = 0, compared = 0, next_seed = seeds_from(chosen.seed),
    faults = random_faults(cluster, chosen.seed, clock, print),
  }
end

return function(chosen, facts)
  local _, problem = loadfile(chosen.script)
  if problem then
    log.error(problem)
    return 2
  end
  report.say("seed %d, %d nodes, %g seconds", chosen.seed, chosen.nodes, chosen.seconds)
  local folder, message = make_folder()
  local cluster
  if folder then
    cluster, message = lab.start { nodes = chosen.nodes, quorum = not chosen.no_quorum }
  end
  if not cluster then
    log.error(message)
    uv.fs_rmdir(folder or "")
    return 2
  end
  local session = new_session(cluster, folder, chosen, facts)
  stop_on_signals(session, facts)
  run(session, chosen)
  local status = report.print(session, chosen.seed)
  if status == 0 or session.unable then
    uv.fs_rmdir(folder)
  end
  cluster:stop()
  return status
end
