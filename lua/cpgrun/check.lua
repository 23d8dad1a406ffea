-- Runs a script on every node of a lab under random faults, and checks the histories of its members.
local checker = require "corosync.checker"
local core = require "corosync.binding"
local faults = require "cpgrun.faults"
local lab = require "corosync.lab"
local log = require "cpgrun.log"
local signals = require "cpgrun.signals"
local storm = require "cpgrun.storm"
local uv = require "luv"
local wait = require "corosync.lab.wait"
local watching = require "cpgrun.watching"

local EPOCH = 20 -- seconds of faults, then all is made whole and checked
local RING, VIEWS, ANSWERS, LEAVING = 60, 30, 20, 20 -- seconds for the daemons, the views, the scripts, their end
local SILENT = 3 -- seconds to wait for answers when no script gives any
local SPARE = 20 -- descriptors that a script may have opened since an epoch's middle
local LINE = log.LINE

-- ---- the scripts ----

local Hosts = {}
Hosts.__index = Hosts

-- What the first line that matches has for the pattern, or nil.
local function matches(lines, pattern)
  for _, line in ipairs(lines) do
    local found = line:match(pattern)
    if found then
      return found
    end
  end
end

function Hosts:is_running(node)
  local host = self.present[node]
  return host ~= nil and not host.process.exited
end

-- Each has a folder of its own.
function Hosts:start(node)
  local host = { folder = ("%s/%d"):format(self.folder, #self.all + 1), node = node }
  assert(uv.fs_mkdir(host.folder, tonumber("700", 8)))
  local argv = { "env", "CPGRUN_HISTORY=" .. host.folder, ("CPGRUN_SEED=%d"):format(self.next_seed()) }
  for _, word in ipairs(self.argv) do
    argv[#argv + 1] = word
  end
  local message
  host.process, message = self.cluster:run(node, argv)
  if not host.process then
    error(message, 0)
  end
  self.present[node] = host
  self.all[#self.all + 1] = host
end

function Hosts:kill(node)
  local host = self.present[node]
  host.killed = true
  host.process:kill "sigkill"
  assert(host.process:wait(10))
end

-- Those that run, by node.
function Hosts:each()
  local node = 0
  return function()
    repeat
      node = node + 1
    until node > self.cluster.nodes or self:is_running(node)
    if node <= self.cluster.nodes then
      return node, self.present[node]
    end
  end
end

-- ---- an epoch ----

local function answer_of(host)
  return matches(host.process.lines, "^settled$") or matches(host.process.lines, "^settled (.*)$")
end

local function count_answers(hosts)
  local count = 0
  for _, host in hosts:each() do
    count = count + (answer_of(host) and 1 or 0)
  end
  return count
end

-- What a script says of its state when it has come to rest, all must say.
local function compare_answers(session)
  local told, answers, differ = {}, {}, false
  for node, host in session.hosts:each() do
    local answer = answer_of(host)
    told[#told + 1] = answer and ("node %d answered '%s'"):format(node, answer)
      or ("node %d did not answer"):format(node)
    answers[#answers + 1] = answer or false
    differ = differ or answers[#answers] ~= answers[1]
  end
  session.compared = session.compared + 1
  if differ then
    table.insert(session.differences, "when all had come to rest, " .. table.concat(told, ", "))
  end
end

-- 0 where this user may not see them.
local function count_descriptors(host)
  local directory, count = uv.fs_scandir(("/proc/%d/fd"):format(host.process.pid)), 0
  while directory and uv.fs_scandir_next(directory) do
    count = count + 1
  end
  return count
end

-- Half-way, when scripts have what they need: the most that one has, or nil before any has joined.
local function count_half_way(session)
  session.descriptors = nil
  for _, host in session.hosts:each() do
    if matches(host.process.errors, LINE .. "info: joined ") then
      session.descriptors = math.max(session.descriptors or 0, count_descriptors(host))
    end
  end
end

-- What opens some with each message, or each time that it connects.
local function note_leaks(session)
  for node, host in session.hosts:each() do
    local count = count_descriptors(host)
    if session.descriptors and count > session.descriptors + SPARE then
      table.insert(session.leaks, ("the script on node %d has %d descriptors open when all has come to rest, and had "
        .. "no more than %d half-way"):format(node, count, session.descriptors))
    end
  end
end

-- Scripts that read their input are told that all is whole, and may say that they have come to rest.
local function ask_to_settle(session)
  local hosts = session.hosts
  for _, host in hosts:each() do
    host.process:write "settle\n"
  end
  wait.until_true(function() return count_answers(hosts) > 0 end, SILENT)
  if count_answers(hosts) > 0 then
    wait.until_true(function() return count_answers(hosts) == hosts.cluster.nodes end, ANSWERS)
    compare_answers(session)
  end
end

local function settle(session)
  local hosts, nodes = session.hosts, {}
  session.faults:end_all()
  for node = 1, session.cluster.nodes do
    nodes[node] = node
  end
  session.log(("%6.1f s  all is made whole"):format(session.clock()))
  local ok, message = session.cluster:wait_members(nodes, RING)
  if not ok and storm.rages(session.cluster) then
    session.faults:calm()
    ok, message = session.cluster:wait_members(nodes, RING)
  end
  if not ok then
    error(message, 0)
  end
  wait.until_true(function() return watching.agree(hosts) end, VIEWS)
  ask_to_settle(session)
  watching.mark_settled(hosts)
  note_leaks(session)
end

-- Corosync was killed when a script was to begin: so it ends, as it should.
local function met_no_corosync(host)
  return matches(host.process.errors, LINE .. "error: cannot reach Corosync")
    and not matches(host.process.errors, LINE .. "info: joined ")
end

-- How often each error was told, by its text. What a script raises on purpose, it says.
local function note_errors(session, host)
  for _, line in ipairs(host.process.errors) do
    local text = line:match(LINE .. "error: (.*)")
    local times, repeated = (text or ""):match "^same error again, (%d+) times?: (.*)$"
    text = repeated or text
    if text and not text:match "raised e%d+" then
      session.raised[text] = (session.raised[text] or 0) + (tonumber(times) or 1)
    end
  end
end

-- Why a script has ended, or has not; nil when it did so with 0, or by our own hand.
local function wrong_end(host)
  local code = host.process:wait(LEAVING)
  if not code then
    host.process:kill "sigkill"
    return ("did not end within %d s of SIGTERM: does one of its functions not return?"):format(LEAVING)
  elseif code ~= 0 and not host.killed and not met_no_corosync(host) then
    return ("ended with %d: %s"):format(code, matches(host.process.errors, LINE .. "error: (.*)") or "no word")
  end
end

local function stop_hosts(session)
  for _, host in session.hosts:each() do
    host.process:kill "sigterm"
  end
  for _, host in ipairs(session.hosts.all) do
    local why = wrong_end(host)
    if why then
      table.insert(session.ends, ("the script on node %d %s"):format(host.node, why))
    end
    if not met_no_corosync(host) then
      note_errors(session, host)
    end
  end
end

local function add(to, numbers)
  for name, number in pairs(numbers) do
    to[name] = (to[name] or 0) + number
  end
end

-- On a full disk there is nothing to check.
local function check_recorded(host)
  local line = matches(host.process.errors, "^corosync: (cannot record .*)")
  if line then
    error(line, 0)
  end
end

-- Rules of what the script notes, not of what is delivered.
local OF_NOTES = { leaks = true, reported_errors = true }

local function check_histories(session)
  local paths = {}
  for _, host in ipairs(session.hosts.all) do
    check_recorded(host)
    for _, path in ipairs(watching.files_in(host.folder)) do
      paths[#paths + 1] = path
    end
  end
  local report, message = checker.check_files(paths)
  if not report then
    error(message, 0)
  end
  for _, violation in ipairs(report.violations) do
    table.insert(OF_NOTES[violation.rule] and session.notes or session.violations, ("%s: %s (%s:%d)"):format(
      violation.rule, violation.text, violation.history, violation.line))
  end
  add(session.figures, report.figures)
  add(session.exempted, report.exempted)
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function remove_files(session)
  for _, host in ipairs(session.hosts.all) do
    for _, path in ipairs(watching.files_in(host.folder)) do
      os.remove(path)
    end
    uv.fs_rmdir(host.folder)
  end
end

-- What the scripts wrote goes with their histories, and what Corosync logged.
local function keep_words(session)
  for node = 1, session.cluster.nodes do
    write_file(("%s/node%d.corosync.txt"):format(session.folder, node), session.cluster:log(node))
  end
  for _, host in ipairs(session.hosts.all) do
    for name, lines in pairs { out = host.process.lines, err = host.process.errors } do
      write_file(("%s/%s.node%d.%s.txt"):format(host.folder:match "^(.*)/", host.folder:match "%d+$", host.node, name),
        table.concat(lines, "\n") .. "\n")
    end
  end
end

local function is_clean(session)
  return #session.violations == 0 and #session.notes == 0 and #session.differences == 0 and #session.ends == 0
    and #session.leaks == 0 and next(session.raised) == nil
end

-- Why a script has ended before anything was done to it; or nil.
local function failed_start(hosts)
  for _, host in ipairs(hosts.all) do
    if host.process.exited and host.process.code ~= 0 then
      return matches(host.process.errors, LINE .. "error: (.*)") or "it ends at once"
    end
  end
end

local function start_all(session, hosts)
  for node = 1, session.cluster.nodes do
    hosts:start(node)
  end
  wait.until_true(function() return watching.agree(hosts) or failed_start(hosts) end, VIEWS)
  session.unable = session.epochs == 0 and failed_start(hosts) or nil
  return not session.unable
end

local function make_faults(session, seconds)
  local ending = core.now() + seconds
  while core.now() < ending do
    session.faults:step()
  end
end

local function run_epoch(session, seconds)
  local hosts = setmetatable({ cluster = session.cluster, folder = session.folder, argv = session.argv, present = {},
    all = {}, watches = {}, next_seed = session.next_seed }, Hosts)
  session.hosts, session.faults.hosts = hosts, hosts
  if not start_all(session, hosts) then
    return remove_files(session)
  end
  make_faults(session, seconds / 2)
  count_half_way(session)
  make_faults(session, seconds / 2)
  settle(session)
  stop_hosts(session)
  check_histories(session)
  session.epochs = session.epochs + 1
  if is_clean(session) then
    remove_files(session)
  else
    keep_words(session)
  end
  collectgarbage()
end

-- ---- the whole ----

local function host_argv(chosen, facts)
  local argv = { facts.program, ("--group=check-%d"):format(chosen.seed), "--", chosen.script }
  for _, argument in ipairs(chosen.arguments) do
    argv[#argv + 1] = argument
  end
  return argv
end

local function say(...)
  print((...):format(select(2, ...)))
end

local function tell_problems(session)
  if session.violations[1] then
    print "Rules that were violated (members as node:process id, messages as length:digest; see docs/testing.md):"
  end
  for _, list in ipairs { session.violations, session.notes, session.differences, session.ends, session.leaks } do
    for _, problem in ipairs(list) do
      print(problem)
    end
  end
  for text, count in pairs(session.raised) do
    say("The script has raised, %d times: %s", count, text)
  end
end

-- What has come out, in one sentence.
local function finding(session)
  if #session.violations > 0 then
    return "FAIL: ordering guarantees were violated."
  end
  local found = {}
  found[#found + 1] = session.notes[1] and "what the script noted does not hold" or nil
  found[#found + 1] = next(session.raised) and "the script has raised errors" or nil
  found[#found + 1] = session.differences[1] and "its members came to rest with different states" or nil
  found[#found + 1] = session.ends[1] and "it has not ended as it should" or nil
  found[#found + 1] = session.leaks[1] and "it leaves descriptors open" or nil
  return "No ordering violations" .. (found[1] and ", but " .. table.concat(found, ", and ") or "") .. "."
end

local function tell_verdict(session, chosen)
  if session.unable then
    log.error("the script does not start: %s", session.unable)
    return 2
  end
  local figures = session.figures
  say("%d epochs, %d faults, %d members, %d configurations, %d messages sent, %d delivered; seed %d", session.epochs,
    session.faults.count, figures.lives or 0, figures.configurations or 0, figures.messages or 0,
    figures.deliveries or 0, chosen.seed)
  say(session.compared > 0 and "The script's answers to 'settle' were compared %d times."
    or "The script did not answer 'settle', so its states were not compared.", session.compared)
  for name, number in pairs(session.exempted) do
    say("known of Corosync: %s, %d times", name, number)
  end
  if session.faults.storms > 0 then
    say("known of Corosync: daemons that come to no ring, %d times", session.faults.storms)
  end
  tell_problems(session)
  if session.failure then
    say("The run itself failed, before its last histories were checked: %s", session.failure)
  end
  if not is_clean(session) or not session.failure then
    print(finding(session))
  end
  if is_clean(session) and not session.failure then
    return 0
  end
  say("The histories and the scripts' words are in %s", session.folder)
  return is_clean(session) and 2 or 1
end

local function run(session, chosen)
  local ending = core.now() + chosen.seconds
  local ok, _, problem = wait.call(function()
    repeat
      run_epoch(session, math.min(EPOCH, math.max(ending - core.now(), 1)))
    until session.unable or not is_clean(session) or core.now() >= ending
  end)
  if not ok then
    session.failure = tostring(problem)
    keep_words(session)
  end
end

-- A number for each script that is started, for its own random numbers: others than those of the next seed's scripts.
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
    say("Stopped on %s. The histories so far are in %s", name, session.folder)
    os.exit(128 + number)
  end)
  for _, handle in pairs(handles) do
    handle:unref()
  end
end

-- Where the histories go: its path, or nil and a message.
local function make_folder()
  local parent = uv.os_tmpdir()
  local folder, problem = uv.fs_mkdtemp(parent .. "/cpgrun-check-XXXXXX")
  if not folder then
    return nil, ("cannot make a folder for the histories in %s: %s; set TMPDIR to a folder that can be written"):format(
      parent, (problem:gsub(": [^:]*cpgrun%-check%-%w+$", "")))
  end
  return folder
end

return function(chosen, facts)
  if not loadfile(chosen.script) then
    log.error(select(2, loadfile(chosen.script)))
    return 2
  end
  say("seed %d, %d nodes, %g seconds", chosen.seed, chosen.nodes, chosen.seconds)
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
  local began = core.now()
  local function clock() return core.now() - began end
  local session = {
    cluster = cluster, folder = folder, argv = host_argv(chosen, facts),
    clock = clock, log = print, violations = {}, notes = {}, differences = {}, ends = {}, leaks = {}, raised = {},
    figures = {}, exempted = {}, epochs = 0, compared = 0, next_seed = seeds_from(chosen.seed),
    faults = faults(cluster, nil, chosen.seed, clock, print),
  }
  stop_on_signals(session, facts)
  run(session, chosen)
  local status = tell_verdict(session, chosen)
  if status == 0 or session.unable then
    uv.fs_rmdir(session.folder)
  end
  cluster:stop()
  return status
end
