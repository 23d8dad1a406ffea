-- The methods of a cluster for programs, which are clients of a node's daemon.

--- @module corosync.lab

local uv = require "luv"
local argcheck = require "corosync.lab.argcheck"
local checks = require "corosync.lab.cluster.checks"
local children = require "corosync.lab.cluster.children"

local KILL, COMMAND = 30, 60 -- time limits in seconds
local RUN_OPTIONS = { env = "table", cwd = "string", output = "function", exit = "function", host = "boolean" }

--- @type Cluster
local Cluster = {}

--- Starts a program in a node, as a client of its daemon.
-- @tparam integer node
-- @tparam string[] argv the program, looked up in PATH, and its arguments
-- @tparam[opt] table options
-- @tparam[opt] table<string,string> options.env values by name, added to the environment
-- @tparam[opt] string options.cwd the folder to start in; this program's own when absent
-- @tparam[opt] fun(line:string,stream:string) options.output called for each line; stream is "out" or "err"
-- @tparam[opt] fun(code:integer,signal:integer) options.exit called when the program has ended and all its output is
-- read
-- @tparam[opt=false] boolean options.host whether it becomes the node's host, for `kill_host` and `restart`
-- @treturn corosync.lab.process
-- @error nil, message, code: "spawn"
function Cluster:run(node, argv, options)
  checks.node(self, node, "run")
  argcheck.argv(argv, "run")
  options = options or {}
  argcheck.options(options, RUN_OPTIONS, "run")
  for name, value in pairs(options.env or {}) do
    argcheck.check(type(name) == "string" and type(value) == "string", "options.env", "run",
      "expected a table of strings by name")
  end
  if self.is_stopped then
    return checks.stopped("run")
  end
  local all = self.output
  local child, message, code = children.start_program(self, node, argv, {
    env = children.environment(self, options.env), cwd = options.cwd, home = uv.cwd(), exit = options.exit,
    output = options.output or all and function(line, stream) all(node, stream, line) end,
  })
  if not child then
    return nil, message, code
  end
  if options.host then
    self.hosts[node] = { process = child, argv = argv, options = options }
  end
  return child
end

--- Runs a program in a node to its end.
-- @tparam integer node
-- @tparam string[] argv as for `run`
-- @tparam[opt=60] number seconds the time after which it is killed
-- @treturn integer its exit code
-- @treturn string its standard output
-- @treturn string its standard error
-- @error nil, message, code: "timeout", "signal" (something killed it) or "spawn"
function Cluster:command(node, argv, seconds)
  checks.node(self, node, "command")
  argcheck.argv(argv, "command")
  seconds = seconds or COMMAND
  argcheck.seconds(seconds, "command")
  if self.is_stopped then
    return checks.stopped("command")
  end
  local child, message, code = children.start_program(self, node, argv,
    { env = children.environment(self), home = uv.cwd(), raw = true })
  if not child then
    return nil, message, code
  end
  child:close_stdin()
  if not child:wait(seconds) then
    child:kill("sigkill")
    return nil, ("command: %s: timed out after %g s"):format(argv[1], seconds), "timeout"
  end
  if child.signal ~= 0 then
    return nil, ("command: %s: killed by signal %d"):format(argv[1], child.signal), "signal"
  end
  return child.code, table.concat(child.raw.out), table.concat(child.raw.err)
end

--- Kills a node's host by SIGKILL and waits for its exit. The host is the last program run there with the option
-- `host`.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 30 s)
function Cluster:kill_host(node)
  checks.node(self, node, "kill_host")
  if self.is_stopped then
    return checks.stopped("kill_host")
  end
  local host = self.hosts[node]
  if host and children.is_alive(host.process) then
    return children.kill(host.process, "sigkill", KILL, ("kill_host: the host of node %d"):format(node))
  end
  return nil, ("kill_host: no host is running on node %d"):format(node), "not_running"
end

return Cluster
