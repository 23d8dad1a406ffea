-- The hosts of `cpgrun check`: on each node the script's process, started again after a fault has ended it.
local append = require("corosync.list").append
local LINE = require("cpgrun.log").LINE
local uv = require "luv"

local LEAVING = 20 -- seconds for a script to exit after SIGTERM

-- The first capture of the first line that matches the pattern, or nil.
local function matches(lines, pattern)
  for _, line in ipairs(lines) do
    local found = line:match(pattern)
    if found then
      return found
    end
  end
end

local Host = {}
Host.__index = Host

function Host:is_running()
  return not self.process.exited
end

-- The state that the script has reported after "settle", or nil.
function Host:state()
  return matches(self.process.lines, "^settled$") or matches(self.process.lines, "^settled (.*)$")
end

-- Whether the script has shown that it reports its state.
function Host:replies()
  return matches(self.process.lines, "^settling$") or self:state()
end

function Host:has_joined()
  return matches(self.process.errors, LINE .. "info: joined ") ~= nil
end

function Host:first_error()
  return matches(self.process.errors, LINE .. "error: (.*)")
end

-- Corosync was killed before the script could join: the script exits, as it must.
function Host:met_no_corosync()
  return matches(self.process.errors, LINE .. "error: cannot reach Corosync") ~= nil and not self:has_joined()
end

-- Returns 0 when this user may not read them.
function Host:count_descriptors()
  local directory, count = uv.fs_scandir(("/proc/%d/fd"):format(self.process.pid)), 0
  while directory and uv.fs_scandir_next(directory) do
    count = count + 1
  end
  return count
end

-- Waits for the exit. Returns a message if it was wrong; nil if the status is 0, or if a fault has killed the script.
function Host:wait_exit()
  local code = self.process:wait(LEAVING)
  if not code then
    self.process:kill "sigkill"
    return ("did not exit within %d s of SIGTERM: does one of its functions not return?"):format(LEAVING)
  elseif code ~= 0 and not self.killed and not self:met_no_corosync() then
    return ("exited with status %d: %s"):format(code, self:first_error() or "no error was logged")
  end
end

local Hosts = {}
Hosts.__index = Hosts

function Hosts:is_running(node)
  return self.present[node] ~= nil and self.present[node]:is_running()
end

-- Each process records its histories in a folder of its own.
function Hosts:start(node)
  local host = setmetatable({ folder = ("%s/%d"):format(self.folder, #self.all + 1), node = node }, Host)
  assert(uv.fs_mkdir(host.folder, tonumber("700", 8)))
  local argv = { "env", "CPGRUN_HISTORY=" .. host.folder, ("CPGRUN_SEED=%d"):format(self.next_seed()) }
  local message
  host.process, message = self.cluster:run(node, append(argv, self.argv))
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

-- Iterates over the running ones, by node.
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

-- The message of a recording that has failed, as on a full disk, or nil.
function Hosts:recording_error()
  for _, host in ipairs(self.all) do
    local message = matches(host.process.errors, LINE .. "error: corosync: (cannot record .*)")
    if message then
      return message
    end
  end
end

-- Why a script has ended before any fault, or nil.
function Hosts:failed_start()
  for _, host in ipairs(self.all) do
    if host.process.exited and host.process.code ~= 0 then
      return host:first_error() or "it exited at once"
    end
  end
end

-- No process runs yet. `folder` is for the histories, `next_seed` a function that returns a number for each script.
return function(cluster, argv, folder, next_seed)
  return setmetatable({
    cluster = cluster, argv = argv, folder = folder, next_seed = next_seed,
    present = {}, -- the last process of each node
    all = {}, -- all processes, in the order of their start
  }, Hosts)
end
