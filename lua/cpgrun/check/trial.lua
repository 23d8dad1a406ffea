-- One trial of `cpgrun check`: scripts on all nodes under random faults, and the check of their histories.
local checker = require "corosync.checker"
local core = require "corosync.binding"
local files = require "cpgrun.check.files"
local follower = require "cpgrun.check.history_follower"
local log = require "cpgrun.log"
local new_hosts = require "cpgrun.check.hosts"
local report = require "cpgrun.check.report"
local settling = require "cpgrun.check.settling"
local wait = require "corosync.lab.wait"

local START = 30 -- seconds for the members to have the same view, and replicas their states

local trial = {}

-- ---- the start, and the faults ----

-- Nothing can be checked without complete histories.
local function assert_recorded(session)
  local message = session.hosts:recording_error()
  if message then
    error(message, 0)
  end
end

local function start_all(session, hosts)
  for node = 1, session.cluster.nodes do
    hosts:start(node)
  end
  -- Nodes remember the replicas of earlier trials, so a replica that has not begun before the faults may never begin.
  wait.until_true(function()
    return session.follower:agree() and (session.no_quorum or session.follower:have_states()) or hosts:failed_start()
      or hosts:recording_error()
  end, START)
  session.unable = session.trials == 0 and hosts:failed_start() or nil
  return not session.unable
end

-- Calls after_each(session) after each fault.
local function make_faults(session, seconds, after_each)
  local ending = core.now() + seconds
  while core.now() < ending do
    assert_recorded(session)
    session.faults:step()
    after_each(session)
  end
end

-- ---- the end ----

-- A replica's report, without the members and the index.
local DIVERGED = "diverged: the state of machine .- differs"

-- Whether a logged error is the script's. Objects without the handler `error` also log a lost Corosync, without a
-- traceback.
local function is_of_script(text, next_line)
  return not text:match "^corosync: " or next_line == "stack traceback:"
end

-- Counts each logged error by its text. A script names the errors that it raises on purpose "raised e1", "raised e2".
local function note_errors(session, host)
  local lines = host.process.errors
  for i, line in ipairs(lines) do
    local text = line:match(log.LINE .. "error: (.*)") or ""
    local times, repeated = text:match "^same error again, (%d+) times?: (.*)$"
    text = repeated or text
    text = text:match(DIVERGED) or text
    if text ~= "" and not text:match "raised e%d+" and (session.raised[text] or is_of_script(text, lines[i + 1])) then
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

-- The lists for violations of rules that are not about deliveries, but about the script's own notes and operations.
local LISTS = { leaks = "notes", reported_errors = "notes", linearizable = "operations",
  unique = "invariants", exclusive = "invariants" }

local function text_of(violation)
  return ("%s: %s (%s:%d)"):format(violation.rule, violation.text, violation.history, violation.line)
end

local function check_histories(session)
  assert_recorded(session)
  local result, message = checker.check_files(files.histories(session))
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

-- ---- the whole trial ----

-- The faults last so many seconds.
function trial.run(session, seconds)
  local hosts = new_hosts(session.cluster, session.argv, session.folder, session.next_seed)
  session.hosts, session.faults.hosts, session.follower = hosts, hosts, follower.new(hosts)
  session.faults.may_kill = function(node) return session.kill_all or session.follower:can_lose(node) end
  if not start_all(session, hosts) then
    return files.remove(session)
  end
  session.descriptors = nil
  make_faults(session, seconds / 2, settling.count_descriptors)
  make_faults(session, seconds / 2, function() end)
  settling.settle(session)
  stop_hosts(session)
  check_histories(session)
  session.trials = session.trials + 1
  if report.is_clean(session) then
    files.remove(session)
  else
    files.keep(session)
  end
  collectgarbage()
end

return trial
