-- `cpgrun --lab`: runs the script on every node of a private cluster.
local commands = require "cpgrun.lab.commands"
local console = require "cpgrun.lab.console"
local lab = require "corosync.lab"
local lab_traces = require "cpgrun.lab.traces"
local list = require "corosync.list"
local log = require "cpgrun.log"
local signals = require "cpgrun.signals"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local PASSED_ON = { "group", "handler_timeout", "log_level", "memory_limit", "pack", "reader_full", "reader_limit",
  "socket", "user", "watch", "watchdog" }

-- The command for one node: this program without the lab's options. The script's name may look like an option.
local function host_argv(options, native)
  local argv = { native.program }
  for _, name in ipairs(PASSED_ON) do
    local value = options[name]
    if value == true then
      argv[#argv + 1] = "--" .. name
    elseif value then
      local word = type(value) == "number" and ("%.17g"):format(value) or value
      argv[#argv + 1] = ("--%s=%s"):format(name:gsub("_", "-"), word)
    end
  end
  return list.append(list.append(argv, { "--", options.script }), options.arguments)
end

-- Ends the lab, by default with the status of the scripts. Callbacks and coroutines call this; the main program waits.
local function finish(session, status)
  session.status = session.status or status or session.worst
end

local function note_status(session, status)
  session.worst = math.max(session.worst, status)
end

-- Whether a node's line is part of an error in its host's log: the first line, or one of the traceback.
local function is_of_error(session, node, stream, line)
  if stream == "out" then
    return false
  elseif line:find(log.LINE) or line:find "^cpgrun: " then
    session.in_error[node] = line:find(log.LINE .. "error: ") ~= nil or line:find "^cpgrun: " ~= nil
  end
  return session.in_error[node]
end

-- Lines are held back until the --lab-script file has reached its first wait: it may call quiet(true).
local function print_line(session, node, stream, line)
  local is_error = is_of_error(session, node, stream, line)
  if is_error and not session.status then
    note_status(session, 1)
  end
  if session.held then
    table.insert(session.held, { node, stream, line })
  elseif not session.quiet or is_error then
    log.put(stream == "err" and io.stderr or io.stdout, ("%d| %s\n"):format(node, line))
  end
end

local function new_session(cluster, options, native)
  return {
    cluster = cluster,
    argv = host_argv(options, native),
    folder = uv.cwd(), -- of the scripts, also of those that are started after a --lab-script file has changed its own
    storage = options.storage,
    hosts = {}, -- by node
    taken = {}, -- by node: true while a fault has ended its script or its Corosync
    lines = {}, -- by node: its script's standard output, before and after restarts
    in_error = {}, -- by node: whether the last line of its log was part of an error
    worst = 0, -- the highest status of a script that no fault has ended; 1 for a logged error
    status = nil, -- set when the lab must end
    native = native,
    finish = finish,
  }
end

local function release_lines(session)
  local held = session.held
  session.held = nil
  for _, each in ipairs(held) do
    print_line(session, each[1], each[2], each[3])
  end
end

local function all_ended(session)
  return next(session.hosts) == nil
end

-- A --lab-script file ends the lab itself; and a host that a fault has ended may be restarted.
local function finish_if_all_ended(session)
  if session.started and not session.scripted and all_ended(session) and not next(session.taken) then
    finish(session)
  end
end

-- A signal counts as in a shell. It is logged because it may leave no other trace.
local function note_end(session, node, code, signal)
  if session.status or session.taken[node] then
    return
  end
  note_status(session, signal ~= 0 and 128 + signal or code)
  if signal ~= 0 then
    log.error("the script on node %d was killed by signal %d", node, signal)
  elseif code ~= 0 then
    log.warning("the script on node %d exited with status %d", node, code)
  end
end

local function host_options(session, node)
  return {
    host = true,
    cwd = session.folder,
    output = function(line, stream)
      if stream == "out" then
        table.insert(session.lines[node], line)
      end
      print_line(session, node, stream, line)
    end,
    exit = function(code, signal)
      session.hosts[node] = nil
      note_end(session, node, code, signal)
      finish_if_all_ended(session)
    end,
  }
end

-- Nodes share this machine's files, so each has a folder of its own. If there is none, the script's replica says so.
local function storage_of(session, node)
  local folder = ("%s/node%d"):format(session.storage, node)
  uv.fs_mkdir(folder, tonumber("700", 8))
  return folder
end

local function argv_of(session, node)
  local argv = list.copy(session.argv)
  if session.storage then
    table.insert(argv, 2, "--storage=" .. storage_of(session, node))
  end
  if session.traces then
    table.insert(argv, 2, "--trace=" .. session.traces:of(node))
  end
  return argv
end

local function start_host(session, node)
  session.lines[node] = session.lines[node] or {}
  local process, message, code = session.cluster:run(node, argv_of(session, node), host_options(session, node))
  session.hosts[node] = process
  return process, message, code
end

-- In a coroutine, because its commands wait while the loop reads the nodes' output.
local function run_script(session, chunk)
  coroutine.wrap(function()
    local ok, _, problem = wait.call(chunk)
    if not ok then
      log.raised(problem)
      note_status(session, 1)
    end
    finish(session)
  end)()
  release_lines(session)
end

-- The handles stay referenced: without one the loop would not wait, and would see no signals.
local function stop_on_signals(session)
  signals.first({ "sighup", "sigint", "sigpipe", "sigterm" }, session.native, function() finish(session) end)
end

-- Errors in callbacks and coroutines of a --lab-script file, or of typed lines, count for the exit status, too.
local function count_errors(session)
  session.native.set_report(function(text)
    log.raised(text)
    note_status(session, 1)
  end)
end

local function start_hosts(session)
  for node = 1, session.cluster.nodes do
    local process, message = start_host(session, node)
    if not process then
      return nil, message
    end
  end
  return true
end

local function run(session, options, env, chunk)
  session.scripted = chunk ~= nil
  session.held = session.scripted and {} or nil
  count_errors(session)
  local ok, message = start_hosts(session)
  if not ok then
    log.error(message)
    return 1
  end
  session.started = true
  finish_if_all_ended(session)
  commands.add_to(env, session)
  stop_on_signals(session)
  if chunk then
    run_script(session, chunk)
  else
    log.info("every node runs %s; type help for a list of commands", options.script)
    console(session, env)
  end
  while not session.status do
    uv.run("once")
  end
  log.prompt()
  return session.status
end

-- Before the cluster ends, so that the scripts leave their groups.
local function stop_hosts(session)
  for _, process in pairs(session.hosts) do
    process:kill("sigterm")
  end
  session.cluster:wait_for(function() return all_ended(session) end, 5)
end

local function folder_problem(path)
  local found = uv.fs_stat(path)
  if not found or found.type ~= "directory" then
    return ("--storage %s: there is no such folder: create it first"):format(path)
  end
end

-- Finds errors that every node would log, so that they are logged once. Returns the function of the --lab-script file,
-- or nil and the problem. That file is read once, because it may be a pipe.
local function prepare(options, env)
  local _, problem = loadfile(options.script)
  problem = problem or options.storage and folder_problem(options.storage)
  if problem or not options.lab_script then
    return nil, problem
  end
  return commands.set_environment(env, loadfile(options.lab_script, "t", env))
end

-- Returns the cluster and, with --lab-trace, the traces; or nil, nil and a message.
local function start(options)
  local traces, cluster, message
  if options.lab_trace then
    traces, message = lab_traces(options.lab_trace)
    if not traces then
      return nil, nil, message
    end
  end
  log.info("starting a private cluster, nodes: %d", options.lab)
  cluster, message = lab.start { nodes = options.lab, quorum = not options.no_quorum }
  if not cluster and traces then
    traces:remove()
  end
  return cluster, traces, message
end

local function draw(session)
  local ok, message = session.traces:finish(session.cluster.nodes)
  if ok then
    log.info("the nodes' messages are drawn in %s", session.traces.page)
  else
    log.error(message)
  end
  return ok
end

return function(options, native)
  local env = {}
  local chunk, problem = prepare(options, env)
  if problem then
    log.error(problem)
    return 1
  end
  local cluster, traces, message = start(options)
  if not cluster then
    log.error(message)
    return 1
  end
  local session = new_session(cluster, options, native)
  session.traces = traces
  local status = run(session, options, env, chunk)
  stop_hosts(session)
  if traces and not draw(session) then
    status = math.max(status, 1)
  end
  local ok
  ok, message = cluster:stop()
  if not ok then
    log.error(message)
    return 1
  end
  return status
end
