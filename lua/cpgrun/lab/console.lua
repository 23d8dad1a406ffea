-- The lines that are typed in a lab: commands, and lines for the scripts.
local commands = require "cpgrun.lab.commands"
local is_near = require("corosync.suggest").is_near
local log = require "cpgrun.log"
local stdin_lines = require "cpgrun.script.stdin_lines"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local NOTICED_LATE = { kill = true, partition = true, pause = true }

local HELP = [[
  2: hello                 sends the line "hello" to node 2's script
  hello                    sends it to the node of the last such line (at first node 1)
  partition({1,2},{3})     splits the network        heal()       reconnects it
  kill(2)                  kills node 2's corosync   restart(2)   (re)starts it, and the script if that has ended
  kill_host(2)             kills node 2's script     pause(2)     pauses its corosync; resume(2) continues it
  disturb(2, "tbf rate 1mbit burst 10kb latency 50ms")     puts a tc discipline on node 2's link; disturb(2) removes it
  sleep(2)                 waits 2 s                 stop()       ends the lab, like Ctrl-C
  help                     shows this; the lab continues after the end of input, until stop() or Ctrl-C
]]

local PROMPT = "lab> "

local function run_command(line, env)
  local chunk, message = commands.set_environment(env, (loadstring or load)(line, "=typed", "t", env))
  if not chunk then
    return log.error(message)
  end
  local ok, problem = wait.call(chunk)
  if ok then
    log.info("done: %s%s", line, NOTICED_LATE[line:match "[%a_]+"] and " (noticed after a few seconds)" or "")
  else
    -- The places of the error, in this program and in the typed line, mean nothing to the user.
    log.error((tostring(problem):gsub("^[^:]*/cpgrun/lab/commands%.lua:%d+: ", ""):gsub("^typed:%d+: ", "")))
  end
end

local function is_command(line, env)
  local name = line:match "^%s*([%a_]+)%s*%("
  return name ~= nil and rawget(env, name) ~= nil
end

-- The words of other programs for this one's commands.
local OTHER_WORDS = { ["?"] = "help", exit = "stop()", quit = "stop()" }

local WITHOUT_ARGUMENTS = { heal = true, stop = true }

-- The command of this or nearly this name, or nil. A word of letters alone may be meant for the script, so it must be
-- the name.
local function command_near(name, env, is_alone)
  if name and type(rawget(env, name)) == "function" then
    return name
  end
  for known, value in pairs(env) do
    if name and type(value) == "function" and is_near(name, known) and (not is_alone or name:find "[_-]") then
      return known
    end
  end
end

-- The command that a mistyped line surely means: another program's word, or nearly a name: alone, with a node as for
-- kill(1), or with "(".
local function meant_command(line, env)
  local bare, called = line:match "^%s*([%a_?-]+)%s*$", line:match "^%s*([%a_-]+)%s*%("
  local name, node = line:match "^%s*([%a_-]+)%s+(%d+)%s*$"
  local meant = command_near(bare or called or name, env, bare ~= nil)
  if OTHER_WORDS[bare or called] then
    return OTHER_WORDS[bare or called]
  end
  return meant and ("%s(%s)"):format(meant, WITHOUT_ARGUMENTS[meant] and "" or node or "...")
end

local function write_to_script(session, line, env)
  local node, text = line:match "^%s*(%d+)%s*:%s?(.*)$"
  node = tonumber(node) or session.last_node or 1
  if env.write(node, text or line) then
    session.last_node = node
  elseif node > session.cluster.nodes then
    log.error("there is no node %d: the nodes are 1 to %d", node, session.cluster.nodes)
  else
    log.error("no script runs on node %d", node)
  end
end

local function handle_line(session, line, env)
  local meant = meant_command(line, env)
  if line:match "^%s*help%s*$" then
    log.put(io.stderr, HELP)
  elseif is_command(line, env) then
    run_command(line, env)
  elseif meant then
    log.error("%s: did you mean %s? To send it to a script, put a node before it: 1: %s", line, meant, line)
  else
    write_to_script(session, line, env)
  end
end

-- Lines wait until the command before them is done: a line after restart(2) finds node 2 running.
local function line_queue(session, env)
  local waiting, busy = {}, false
  local function handle_all()
    busy = true
    while waiting[1] do
      handle_line(session, table.remove(waiting, 1), env)
      log.put(io.stderr, "") -- shows the prompt again, also after a line without an effect here
    end
    busy = false
  end
  return function(line)
    waiting[#waiting + 1] = line
    if not busy then
      coroutine.wrap(handle_all)()
    end
  end
end

-- Only when stdin, stdout and stderr all are a terminal that can erase a line.
local function show_prompt()
  local is_terminal = os.getenv "TERM" ~= "dumb"
  for fd = 0, 2 do
    is_terminal = is_terminal and uv.guess_handle(fd) == "tty"
  end
  if is_terminal then
    log.prompt(PROMPT)
  end
end

-- Handles each line of stdin when it comes.
return function(session, env)
  show_prompt()
  stdin_lines(line_queue(session, env), function(kind)
    if kind == "tty" and session.native.has_hung_up() then
      session:finish()
    end
  end)
end
