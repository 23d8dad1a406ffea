-- The methods of a cluster for its daemons: what they see, and ending, pausing and restarting them.

--- @module corosync.lab

local argcheck = require "corosync.lab.argcheck"
local checks = require "corosync.lab.cluster.checks"
local children = require "corosync.lab.cluster.children"
local copy = require("corosync.list").copy
local Daemon = require "corosync.lab.daemon"

-- Time limits in seconds, which a healthy machine does not reach.
local START, KILL, SHUTDOWN = 60, 30, 60

--- @type Cluster
local Cluster = {}

local function running_daemon(self, node, method)
  checks.node(self, node, method)
  if self.is_stopped then
    return checks.stopped(method)
  end
  local daemon = self.daemons[node]
  if daemon:is_alive() then
    return daemon
  end
  return nil, ("%s: the daemon of node %d is not running"):format(method, node), "not_running"
end

--- Kills a node's daemon by SIGKILL and waits for its exit.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 30 s)
function Cluster:kill(node)
  local daemon, message, code = running_daemon(self, node, "kill")
  if not daemon then
    return nil, message, code
  end
  return children.kill(daemon.process, "sigkill", KILL, ("kill: the daemon of node %d"):format(node))
end

--- Stops a node's daemon by SIGTERM and waits for its exit. A paused one is resumed first.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 60 s)
function Cluster:stop_daemon(node)
  local daemon, message, code = running_daemon(self, node, "stop_daemon")
  if not daemon then
    return nil, message, code
  end
  daemon.process:kill("sigcont")
  return children.kill(daemon.process, "sigterm", SHUTDOWN, ("stop_daemon: the daemon of node %d"):format(node))
end

--- Pauses a node's daemon by SIGSTOP and waits until it has taken effect. Calls of its clients hang.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 30 s)
function Cluster:pause(node)
  local daemon, message, code = running_daemon(self, node, "pause")
  if not daemon then
    return nil, message, code
  end
  return daemon:set_stopped(true, KILL)
end

--- Continues a paused daemon by SIGCONT.
-- @tparam integer node
-- @treturn boolean true
-- @error nil, message, code: "not_running" or "timeout" (after 30 s)
function Cluster:resume(node)
  local daemon, message, code = running_daemon(self, node, "resume")
  if not daemon then
    return nil, message, code
  end
  return daemon:set_stopped(false, KILL)
end

local function restart_host(self, node)
  local host = self.hosts[node]
  if not host or children.is_alive(host.process) then
    return true
  end
  local process, message, code = self:run(node, host.argv, host.options)
  if not process then
    return nil, message, code
  end
  return true, process
end

local function always() return true end

--- Starts a node's daemon, after killing a running one, and waits until it serves clients. Then starts the node's host
-- again if that has ended.
-- @tparam integer node
-- @treturn boolean true
-- @treturn corosync.lab.process|nil the host's process if one was started
-- @error nil, message, code: "not_running" (the new daemon has ended, the message quotes its log), "timeout" (after
--   60 s) or "spawn"
function Cluster:restart(node)
  checks.node(self, node, "restart")
  if self.is_stopped then
    return checks.stopped("restart")
  end
  local fine, message, code = true, nil, nil
  if self.daemons[node]:is_alive() then
    fine, message, code = self:kill(node)
  end
  if fine then
    fine, message, code = children.start_daemon(self, node)
  end
  if fine then
    fine, message, code = Daemon.wait_ready({ self.daemons[node] }, START, always, "restart")
  end
  if not fine then
    return nil, message, code
  end
  return restart_host(self, node)
end

--- The nodes in the membership of a node's daemon. They are read from its log, so for a paused daemon they are the last
-- ones it logged.
-- @tparam integer node
-- @treturn integer[] their ids, sorted
-- @error nil, message, code: "not_running"
function Cluster:members(node)
  local daemon, message, code = running_daemon(self, node, "members")
  if not daemon then
    return nil, message, code
  end
  return copy(daemon.members)
end

-- The members that a node's daemon sees, as text.
local function sees(self, node)
  local members = self:members(node)
  return members and members[1] and table.concat(members, " ") or "nobody"
end

--- Waits until the membership of each node in a list is exactly that list.
-- @tparam integer[] node_list
-- @tparam number seconds the longest wait
-- @treturn boolean true
-- @error nil, message, code: "timeout"
function Cluster:wait_members(node_list, seconds)
  checks.nodes(self, node_list, "node_list", "wait_members")
  argcheck.seconds(seconds, "wait_members")
  if self.is_stopped then
    return checks.stopped("wait_members")
  end
  local wanted = copy(node_list)
  table.sort(wanted)
  local text = table.concat(wanted, " ")
  local ok, message, code = self:wait_for(function()
    for _, node in ipairs(wanted) do
      if sees(self, node) ~= text then
        return false
      end
    end
    return true
  end, seconds, ("members %s of each other"):format(text))
  if code == "timeout" then
    for _, node in ipairs(wanted) do
      message = ("%s; node %d sees %s"):format(message, node, sees(self, node))
    end
  end
  return ok, message, code
end

--- The log of a node's daemon, before and after restarts.
-- @tparam integer node
-- @treturn string lines, each with its newline
function Cluster:log(node)
  checks.node(self, node, "log")
  return self.daemons[node]:log()
end

return Cluster
