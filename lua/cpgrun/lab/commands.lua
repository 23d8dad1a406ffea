--- The globals of a `cpgrun --lab-script` file, which are also the commands that can be typed in a lab. A failure
-- raises an error.
-- @script cpgrun.lab.commands

--- Splits the network.
-- @function partition
-- @tparam integer[] ... the groups: arrays of nodes. The nodes that are not named form one more group.

--- Reconnects the whole network.
-- @function heal

--- Puts a queueing discipline of tc(8) on a node's link, in both directions; without one, removes it.
-- @function disturb
-- @tparam integer node
-- @tparam[opt] string discipline

--- Kills a node's Corosync.
-- @function kill
-- @tparam integer node

--- Kills a node's script.
-- @function kill_host
-- @tparam integer node

--- Pauses a node's Corosync by SIGSTOP.
-- @function pause
-- @tparam integer node

--- Continues a paused Corosync.
-- @function resume
-- @tparam integer node

--- Starts a node's Corosync, after killing a running one, and starts its script if that has ended.
-- @function restart
-- @tparam integer node

--- Waits until a condition holds.
-- @function wait_for
-- @tparam fun():any predicate
-- @tparam number seconds the longest wait
-- @tparam[opt] string what the condition's name, for the error message

--- Writes a line to the standard input of a node's script.
-- @function write
-- @tparam integer node
-- @tparam string line
-- @treturn boolean true
-- @error nil, message, code: "not_running"; nil alone when no script runs there

--- The lines that a node's script has written to standard output, before and after restarts.
-- @function output
-- @tparam integer node
-- @treturn string[]

--- Hides the nodes' output, or shows it again.
-- @function quiet
-- @tparam boolean yes

--- Waits while the loop handles events.
-- @function sleep
-- @tparam number seconds

--- Ends the lab.
-- @function stop
-- @tparam[opt=0] integer status the exit code

--- The number of nodes.
-- @tfield integer nodes

local argcheck = require "corosync.lab.argcheck"
local wait = require "corosync.lab.wait"

-- Raises a failure at the line of the command.
local function must(ok, message, ...)
  if not ok then
    error(message, 3)
  end
  return ok, message, ...
end

-- These also end or start scripts: a script that a command has ended does not count for the exit status.
local function host_command(session, name)
  local cluster = session.cluster
  return function(node)
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

local commands = {}

-- Adds the commands to an environment, in which Lua's globals are visible too.
function commands.add_to(env, session)
  local cluster = session.cluster
  env.nodes = cluster.nodes
  for _, name in ipairs { "partition", "heal", "disturb", "pause", "resume" } do
    env[name] = function(...) return (must(cluster[name](cluster, ...))) end
  end
  for _, name in ipairs { "kill", "kill_host", "restart" } do
    env[name] = host_command(session, name)
  end
  function env.wait_for(predicate, seconds, what) return (must(cluster:wait_for(predicate, seconds, what))) end
  function env.write(node, line) return session.hosts[node] and session.hosts[node]:write(line .. "\n") end
  function env.output(node) return session.lines[node] end
  function env.quiet(yes) session.quiet = yes end
  function env.stop(status) session:finish(status) end
  function env.sleep(seconds)
    argcheck.seconds(seconds, "sleep")
    wait.pass(seconds)
  end
  setmetatable(env, { __index = _G })
end

-- Lua 5.1 and LuaJIT set the environment of a chunk after loading it.
function commands.set_environment(env, chunk, message)
  if chunk and setfenv then
    setfenv(chunk, env)
  end
  return chunk, message
end

return commands
