--- What a file for `cpgrun --lab-script` finds, as globals, and what can be typed in a lab. Those that fail raise an
-- error.
-- @script cpgrun.lab

--- Splits the network.
-- @function partition
-- @tparam integer[] ... the groups: arrays of nodes. Nodes that are not named form one more group together.

--- Makes the network whole again.
-- @function heal

--- Puts a discipline of tc(8) on a node's link, both ways; ends it when there is none.
-- @function disturb
-- @tparam integer node
-- @tparam[opt] string discipline

--- Kills a node's Corosync.
-- @function kill
-- @tparam integer node

--- Kills a node's script.
-- @function kill_host
-- @tparam integer node

--- Stops a node's Corosync, unnoticed by itself.
-- @function pause
-- @tparam integer node

--- Lets a paused Corosync go on.
-- @function resume
-- @tparam integer node

--- Starts a node's Corosync anew, killing one that runs, and its script if that has ended.
-- @function restart
-- @tparam integer node

--- Waits until a condition holds.
-- @function wait_for
-- @tparam fun():any predicate
-- @tparam number seconds the longest wait
-- @tparam[opt] string what is waited for, for the message

--- Gives a line to a node's script on its standard input.
-- @function write
-- @tparam integer node
-- @tparam string line
-- @treturn boolean true
-- @error nil, message, code: "not_running"; nil alone when no script runs there

--- The lines that a node's script has written to standard output, all its lives included.
-- @function output
-- @tparam integer node
-- @treturn string[]

--- Hides the nodes' output, or shows it again.
-- @function quiet
-- @tparam boolean yes

--- Lets time pass, in which events are served.
-- @function sleep
-- @tparam number seconds

--- Ends the lab.
-- @function stop
-- @tparam[opt=0] integer status the exit code

--- How many nodes there are.
-- @tfield integer nodes

local argument = require "corosync.lab.argument"
local is_near = require "corosync.spelling"
local lab = require "corosync.lab"
local log = require "cpgrun.log"
local signals = require "cpgrun.signals"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local FAULTS = { "partition", "heal", "disturb", "pause", "resume" } -- those that leave the scripts running

local NOTICED_LATE = { kill = true, partition = true, pause = true }

local HELP = [[
  2: hello                 gives node 2's script the line "hello"
  hello                    gives it to the node spoken to last (at first node 1)
  partition({1,2},{3})     splits the network        heal()       makes it whole
  kill(2)                  kills node 2's corosync   restart(2)   starts it anew, and an ended script
  kill_host(2)             kills node 2's script     pause(2)     stops its corosync; resume(2) lets it go on
  disturb(2, "tbf rate 1mbit burst 10kb latency 50ms")     slows node 2's link, as tc says; disturb(2) ends it
  sleep(2)                 lets 2 s pass             stop()       ends the lab, as Ctrl-C does
  help                     shows this
]]

local PASSED_ON = { "group", "handler_timeout", "log_level", "reader_full", "reader_limit", "user", "watchdog" }

-- The program for one node: this one, without what concerns the lab. Names may look like options.
local function host_argv(chosen, facts)
  local argv = { facts.program }
  for _, name in ipairs(PASSED_ON) do
    local value = chosen[name]
    if value then
      local word = type(value) == "number" and ("%.17g"):format(value) or value
      argv[#argv + 1] = ("--%s=%s"):format(name:gsub("_", "-"), word)
    end
  end
  argv[#argv + 1] = "--"
  argv[#argv + 1] = chosen.script
  for _, word in ipairs(chosen.arguments) do
    argv[#argv + 1] = word
  end
  return argv
end

-- Without a status, it is that of the scripts.
local function finish(session, status)
  session.status = session.status or status or session.worst
end

local function note_status(session, status)
  session.worst = math.max(session.worst, status)
end

-- Whether a node's line belongs to an error that its host logs: the line that begins it, or of its traceback.
local function is_of_error(session, node, stream, line)
  if stream == "out" then
    return false
  elseif line:find(log.LINE) or line:find "^cpgrun: " then
    session.in_error[node] = line:find(log.LINE .. "error: ") ~= nil or line:find "^cpgrun: " ~= nil
  end
  return session.in_error[node]
end

-- Until a file of faults has come to its first wait, lines are held: it may ask for quiet.
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

-- The lab's end is asked for from callbacks and coroutines; the main program waits for it.
local function new_session(cluster, chosen, facts)
  return {
    cluster = cluster,
    argv = host_argv(chosen, facts),
    hosts = {}, -- by node
    taken = {}, -- by node: true while its script or its Corosync is gone by a fault
    lines = {}, -- by node: what its script has written, all its lives included
    in_error = {}, -- by node: whether its host was logging an error last
    worst = 0, -- the highest status of a script that no fault has ended; 1 for a logged error
    status = nil, -- set once the lab shall end
    facts = facts,
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

-- A file of faults says itself when the lab ends; and a host that a fault took may come back.
local function finish_if_all_ended(session)
  if session.started and not session.scripted and all_ended(session) and not next(session.taken) then
    finish(session)
  end
end

-- A signal counts as in a shell. The script may be quiet, and a signal leaves no other trace.
local function note_end(session, node, code, signal)
  if session.status or session.taken[node] then
    return
  end
  note_status(session, signal ~= 0 and 128 + signal or code)
  if signal ~= 0 then
    log.error("the script on node %d was ended by signal %d", node, signal)
  elseif code ~= 0 then
    log.warning("the script on node %d ended with status %d", node, code)
  end
end

local function host_options(session, node)
  return {
    host = true,
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

local function start_host(session, node)
  session.lines[node] = session.lines[node] or {}
  local process, message, code = session.cluster:run(node, session.argv, host_options(session, node))
  session.hosts[node] = process
  return process, message, code
end

-- As assert, in the name of who called the caller.
local function must(ok, message, ...)
  if not ok then
    error(message, 3)
  end
  return ok, message, ...
end

-- Fills what typed lines and files of faults see: the lab's functions by name, beside Lua's own.
local function fill_environment(env, session)
  local cluster = session.cluster
  env.nodes = cluster.nodes
  for _, name in ipairs(FAULTS) do
    env[name] = function(...) return (must(cluster[name](cluster, ...))) end
  end
  for _, name in ipairs { "kill", "kill_host", "restart" } do
    env[name] = function(node)
      local taken = session.taken[node]
      if session.hosts[node] then
        session.taken[node] = true
      end
      local ok, process, code = cluster[name](cluster, node)
      session.taken[node] = ok and session.taken[node] or taken
      must(ok, process, code)
      if name == "restart" then
        session.taken[node] = nil
        session.hosts[node] = process or session.hosts[node]
      end
      return true
    end
  end
  function env.wait_for(predicate, seconds, what) return (must(cluster:wait_for(predicate, seconds, what))) end
  function env.write(node, line) return session.hosts[node] and session.hosts[node]:write(line .. "\n") end
  function env.output(node) return session.lines[node] end
  function env.quiet(yes) session.quiet = yes end
  function env.stop(status) finish(session, status) end
  function env.sleep(seconds)
    argument.seconds(seconds, "sleep")
    wait.pass(seconds)
  end
  setmetatable(env, { __index = _G })
end

-- Lua 5.1 and LuaJIT give a chunk its environment after it was loaded.
local function in_environment(env, chunk, message)
  if chunk and setfenv then
    setfenv(chunk, env)
  end
  return chunk, message
end

-- In a coroutine, since what it calls may wait while the nodes' output goes on.
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

local function type_fault(line, env)
  local chunk, message = in_environment(env, (loadstring or load)(line, "=typed", "t", env))
  if not chunk then
    return log.error(message)
  end
  local ok, problem = wait.call(chunk)
  if ok then
    log.info("done: %s%s", line, NOTICED_LATE[line:match "[%a_]+"] and " (noticed after a few seconds)" or "")
  else
    -- Our place says nothing to who typed, nor does the line's number.
    log.error((tostring(problem):gsub("^[^:]*/cpgrun/lab%.lua:%d+: ", ""):gsub("^typed:%d+: ", "")))
  end
end

local function is_fault(line, env)
  local name = line:match "^%s*([%a_]+)%s*%("
  return name ~= nil and rawget(env, name) ~= nil
end

-- The command that a line was meant as, surely, and not for the script: its bare name, or nearly its name and "(".
local function meant_command(line, env)
  local bare, called = line:match "^%s*([%a_]+)%s*$", line:match "^%s*([%a_]+)%s*%("
  if bare and type(rawget(env, bare)) == "function" then
    return bare
  end
  for name in pairs(env) do
    if called and is_near(called, name) then
      return name
    end
  end
end

local function handle_line(session, line, env)
  local node, text = line:match "^%s*(%d+)%s*:%s?(.*)$"
  if line:match "^%s*help%s*$" then
    log.put(io.stderr, HELP)
  elseif is_fault(line, env) then
    type_fault(line, env)
  elseif meant_command(line, env) then
    log.error("%s: did you mean %s(...)? A line for a script that looks like a command needs its node, as 1: %s", line,
      meant_command(line, env), line)
  else
    node = tonumber(node) or session.spoken_to or 1
    if env.write(node, text or line) then
      session.spoken_to = node
    elseif node > session.cluster.nodes then
      log.error("there is no node %d, they are 1 to %d", node, session.cluster.nodes)
    else
      log.error("no script runs on node %d", node)
    end
  end
end

-- Lines that come faster than faults are made wait for their turn: what follows restart(2) finds node 2 running.
local function line_taker(session, env)
  local waiting, busy = {}, false
  local function take()
    busy = true
    while waiting[1] do
      handle_line(session, table.remove(waiting, 1), env)
      log.put(io.stderr, "") -- the prompt again, also after a line that has no effect here
    end
    busy = false
  end
  return function(line)
    waiting[#waiting + 1] = line
    if not busy then
      coroutine.wrap(take)()
    end
  end
end

local function open_stdin(kind)
  if kind == "tty" then
    return uv.new_tty(0, true)
  end
  local pipe = uv.new_pipe(false)
  return kind == "pipe" and pipe:open(0) and pipe
end

-- From a terminal, pipe or file: whatever stdin is.
local function read_stdin(session, env)
  local kind, take, rest = uv.guess_handle(0), line_taker(session, env), ""
  if kind == "file" then
    local line = io.stdin:read() -- lines() raises where it cannot be read, as under nohup
    while line do
      take(line)
      line = io.stdin:read()
    end
  end
  local input = open_stdin(kind)
  if not input then
    return
  end
  input:read_start(function(_, data)
    rest = (rest .. (data or rest ~= "" and "\n" or "")):gsub("([^\n]*)\n", function(line)
      take(line)
      return ""
    end)
    if not data then
      input:read_stop()
      if kind == "tty" and session.facts.has_hung_up() then
        finish(session)
      end
    end
  end)
end

-- The handles are not unreferenced: without any to wait for, the loop would neither wait nor look for signals.
local function stop_on_signals(session)
  signals.first({ "sighup", "sigint", "sigpipe", "sigterm" }, session.facts, function() finish(session) end)
end

local PROMPT = "lab> "

-- Only where all that is written goes to a terminal that can erase a line.
local function show_prompt()
  local is_terminal = os.getenv "TERM" ~= "dumb"
  for fd = 0, 2 do
    is_terminal = is_terminal and uv.guess_handle(fd) == "tty"
  end
  if is_terminal then
    log.prompt(PROMPT)
  end
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

local function run(session, chosen, env, chunk)
  session.scripted = chunk ~= nil
  session.held = session.scripted and {} or nil
  local ok, message = start_hosts(session)
  if not ok then
    log.error(message)
    return 1
  end
  session.started = true
  finish_if_all_ended(session)
  fill_environment(env, session)
  stop_on_signals(session)
  if chunk then
    run_script(session, chunk)
  else
    log.info("every node runs %s; type help for what can be typed", chosen.script)
    show_prompt()
    read_stdin(session, env)
  end
  while not session.status do
    uv.run("once")
  end
  log.prompt()
  return session.status
end

-- The scripts may say goodbye: they leave their groups before the cluster ends under them.
local function stop_hosts(session)
  for _, process in pairs(session.hosts) do
    process:kill("sigterm")
  end
  session.cluster:wait_for(function() return all_ended(session) end, 5)
end

-- A script that is none is told of once, not by every node.
local function check_script(path)
  local chunk, problem = loadfile(path)
  if not chunk then
    log.error(problem)
  end
  return chunk ~= nil
end

return function(chosen, facts)
  if not check_script(chosen.script) then
    return 1
  end
  local env, chunk = {}, nil
  if chosen.lab_script then
    local problem
    -- Once, since it may be a pipe; and now, since what is wrong with it needs no cluster to tell.
    chunk, problem = in_environment(env, loadfile(chosen.lab_script, "t", env))
    if not chunk then
      log.error(problem)
      return 1
    end
  end
  log.info("starting a cluster on this machine, nodes: %d", chosen.lab)
  local cluster, message = lab.start { nodes = chosen.lab, quorum = not chosen.no_quorum }
  if not cluster then
    log.error(message)
    return 1
  end
  local session = new_session(cluster, chosen, facts)
  local status = run(session, chosen, env, chunk)
  stop_hosts(session)
  local ok
  ok, message = cluster:stop()
  if not ok then
    log.error(message)
    return 1
  end
  return status
end
