--- The daemon of one node of a lab, before and after restarts. Its membership and readiness are read from its log: that
-- needs no client, and works for a paused daemon, where a client would hang.
-- @classmod corosync.lab.daemon

local procfs = require "corosync.lab.procfs"
local wait = require "corosync.lab.wait"

local LINES_QUOTED = 8

-- sched_rr and move_to_root_cgroup matter for root: its daemons must not run at real-time priority, nor leave the
-- control group in which they were started.
local CONFIGURATION = [[
totem {
  version: 2
  cluster_name: lab
  transport: %s
  token: %d
  crypto_cipher: none
  crypto_hash: none
%s}
%slogging {
  to_stderr: yes
  to_syslog: no
  timestamp: on
}
system {
  state_dir: /run/state
  allow_knet_handle_fallback: yes
  sched_rr: no
  move_to_root_cgroup: no
}
nodelist {
%s}
]]

local QUORUM = [[
quorum {
  provider: corosync_votequorum
}
]]

local NODE = [[
  node {
    ring0_addr: 10.9.0.%d
    nodeid: %d
    name: node%d
  }
]]

-- A killed daemon leaves its buffers behind, and a folder for each client.
local COMMAND = { "sh", "-c", "rm -rf /dev/shm/qb-*; exec corosync -f -c /run/corosync.conf" }

-- By a pattern in the last lines of the log.
local CAUSES = {
  { "No space left on device", "/dev/shm or /run is full: the machine is out of memory" },
  { "Cannot allocate memory", "the machine is out of memory" },
  { "Too many open files", "raise ulimit -n" },
  { "Address already in use", "another daemon of the node uses its address" },
  { "corosync: not found", "install corosync" },
  { "parse error in config", "the configuration is invalid" },
}

local Daemon = {}
Daemon.__index = Daemon

--- Returns the text of corosync.conf.
-- @tparam table options those of `corosync.lab.start` that it depends on
-- @tparam number options.nodes
-- @tparam[opt="udpu"] string options.transport
-- @tparam[opt=1000] number options.token
-- @tparam[opt] table options.totem
-- @tparam[opt=true] boolean options.quorum
-- @treturn string
function Daemon.configuration(options)
  local list, totem = {}, {}
  for i = 1, options.nodes do
    list[i] = NODE:format(i, i, i)
  end
  for name, value in pairs(options.totem or {}) do
    totem[#totem + 1] = ("  %s: %d\n"):format(name, value)
  end
  return CONFIGURATION:format(options.transport or "udpu", options.token or 1000, table.concat(totem),
    options.quorum == false and "" or QUORUM, table.concat(list))
end

--- Creates the daemon of a node, without starting it.
-- @tparam number node
-- @tparam[opt] function output called with node, "log" and each line of the log
-- @treturn corosync.lab.daemon
function Daemon.new(node, output)
  return setmetatable({ node = node, output = output, lines = {}, members = {} }, Daemon)
end

local function read_log(self, line)
  self.lines[#self.lines + 1] = line
  -- Without a quorum provider only the "Sync members" are logged.
  local list = line:match("%[QUORUM%] Members%[%d+%]:([%d ]*)") or line:match("%[QUORUM%] Sync members%[%d+%]:([%d ]*)")
  if list then
    self.next_members = {}
    for id in list:gmatch("%d+") do
      self.next_members[#self.next_members + 1] = tonumber(id)
    end
    table.sort(self.next_members)
  elseif line:find("Completed service synchronization", 1, true) then
    -- The daemon serves clients in this membership from now on.
    self.is_ready = true
    self.members = self.next_members or self.members
  end
end

--- Starts it.
-- @tparam corosync.lab.namespaces namespaces
-- @tparam table env an array of NAME=value
-- @treturn corosync.lab.process or nil, message, code
function Daemon:start(namespaces, env)
  self.is_ready, self.members, self.next_members = false, {}, nil
  local process, message, code = namespaces:spawn(self.node, COMMAND, {
    env = env,
    -- In the lab, so that the core of a crashed daemon is not left in the program's folder.
    cwd = "/run",
    output = function(line)
      read_log(self, line)
      if self.output then
        self.output(self.node, "log", line)
      end
    end,
  })
  if not process then
    return nil, message, code
  end
  self.process = process
  return process
end

--- Whether it runs, paused or not.
-- @treturn boolean
function Daemon:is_alive()
  return self.process ~= nil and not self.process.ended
end

--- The reason why it is not ready, or sees the wrong members.
-- @tparam number seconds the time waited
-- @treturn string
function Daemon:why_not_ready(seconds)
  local process, log = self.process, self:last_lines()
  local reason
  if process.exited then
    reason = process.signal ~= 0 and ("was killed by signal %d"):format(process.signal)
      or ("exited with code %d"):format(process.code)
  elseif self.is_ready then
    reason = ("sees only nodes %s after %g s"):format(table.concat(self.members, " "), seconds)
  else
    reason = ("does not serve clients after %g s"):format(seconds)
  end
  for _, each in ipairs(CAUSES) do
    if log:find(each[1]) then
      return reason .. " (" .. each[2] .. ")"
    end
  end
  return reason
end

--- Waits until several daemons are ready and meet a condition, or until one has ended.
-- @tparam table daemons
-- @tparam number seconds the longest wait
-- @tparam function is_right called with a daemon
-- @tparam string what the operation, for the message
-- @treturn boolean true; or nil, a message that quotes the failing daemon's log, and "not_running" or "timeout"
function Daemon.wait_ready(daemons, seconds, is_right, what)
  local failing
  wait.until_true(function()
    failing = nil
    for _, daemon in ipairs(daemons) do
      if daemon.process.exited then
        failing = daemon
        return true
      elseif not (daemon.is_ready and is_right(daemon)) then
        failing = failing or daemon
      end
    end
    return not failing
  end, seconds)
  if not failing then
    return true
  end
  local reason = failing:why_not_ready(seconds)
  return nil, ("%s: the daemon of node %d %s:\n%s"):format(what, failing.node, reason, failing:last_lines()),
    failing.process.exited and "not_running" or "timeout"
end

--- Stops or continues it by a signal and waits for the effect.
-- @tparam boolean stop
-- @tparam number seconds the longest wait
-- @treturn boolean true, or nil, message, "not_running" or "timeout"
function Daemon:set_stopped(stop, seconds)
  local process = self.process
  local fine, message, code = process:kill(stop and "sigstop" or "sigcont")
  if not fine then
    return nil, message, code
  end
  if wait.until_true(function() return procfs.is_stopped(process.pid) == stop end, seconds) then
    return true
  end
  return nil, ("%s: the daemon of node %d did not %s within %g s"):format(stop and "pause" or "resume", self.node,
    stop and "stop" or "continue", seconds), "timeout"
end

--- The last lines of its log.
-- @treturn string
function Daemon:last_lines()
  return table.concat(self.lines, "\n", math.max(1, #self.lines - LINES_QUOTED + 1))
end

--- Its log, before and after restarts.
-- @treturn string lines, each with its newline
function Daemon:log()
  return #self.lines > 0 and table.concat(self.lines, "\n") .. "\n" or ""
end

return Daemon
