-- A running cluster, from its start to its end. Most of its methods are in the folder cluster/.

--- @module corosync.lab

local uv = require "luv"
local argcheck = require "corosync.lab.argcheck"
local children = require "corosync.lab.cluster.children"
local Daemon = require "corosync.lab.daemon"
local Namespaces = require "corosync.lab.namespaces"
local wait = require "corosync.lab.wait"

local KILL = 30 -- seconds, which a healthy machine does not take

local Cluster = {}
Cluster.__index = Cluster

for _, part in ipairs { "network", "daemons", "programs" } do
  for name, method in pairs(require("corosync.lab.cluster." .. part)) do
    Cluster[name] = method
  end
end

--- A running lab. Its fields are read-only. A lab ends when it is collected, or in Lua 5.4 when its to-be-closed
-- variable goes out of scope.
-- @type Cluster

--- The number of nodes.
-- @tfield integer nodes

--- The value of COROSYNC_LAB in the environment of all processes in the lab.
-- @tfield string id

--- Waits until a condition holds. It is checked after each event of the loop and at least every 20 ms.
-- @tparam fun():any predicate called without arguments; it may wait, as `command` does
-- @tparam number seconds the longest wait
-- @tparam[opt="condition"] string what the condition's name, for the message
-- @treturn boolean true
-- @error nil, message, code: "timeout"
function Cluster:wait_for(predicate, seconds, what) -- luacheck: ignore 212
  argcheck.check(type(predicate) == "function", "predicate", "wait_for", "expected a function")
  argcheck.seconds(seconds, "wait_for")
  argcheck.check(what == nil or type(what) == "string", "what", "wait_for", "expected a string")
  if wait.until_true(predicate, seconds) then
    return true
  end
  return nil, ("%s: timed out after %g s"):format(what or "condition", seconds), "timeout"
end

--- Ends all processes of the lab and waits for their exit. Further calls do nothing.
-- @treturn boolean true
-- @error nil, message, code: "timeout" (after 30 s)
function Cluster:stop()
  self.is_stopped = true
  local fine, message, code = self.namespaces:stop(KILL)
  if not fine then
    return nil, message, code
  end
  if wait.until_true(function() return children.are_gone(self) end, KILL) then
    return true
  end
  return nil, ("stop: a program did not exit within %d s"):format(KILL), "timeout"
end

-- A finalizer cannot wait, and must not end the lab of a parent process after a fork.
function Cluster:__gc()
  if not self.is_stopped and self.namespaces and self.owner == uv.os_getpid() then
    self.namespaces:kill()
  end
end

Cluster.__close = Cluster.stop

-- Lua 5.1 and LuaJIT do not finalize tables.
local function finalize(self)
  local newproxy = rawget(_G, "newproxy")
  if not newproxy then
    return
  end
  self.proxy = newproxy(true)
  getmetatable(self.proxy).__gc = function() Cluster.__gc(self) end
end

local labs = 0

local function new(options)
  labs = labs + 1
  local owner = uv.os_getpid()
  -- A pid is not unique: labs can run inside labs, each with its own pids.
  local id = ("%d.%d.%x"):format(owner, labs, uv.hrtime() % 2 ^ 32)
  local self = { nodes = options.nodes, id = id, owner = owner, output = options.output,
    daemons = {}, hosts = {}, children = {} }
  for node = 1, options.nodes do
    self.daemons[node] = Daemon.new(node, options.output)
  end
  return setmetatable(self, Cluster)
end

local function start_all(self, seconds)
  local fine, message, code = self:heal()
  for node = 1, self.nodes do
    if fine then
      fine, message, code = children.start_daemon(self, node)
    end
  end
  if not fine then
    return nil, message, code
  end
  local function sees_all(daemon) return #daemon.members == self.nodes end
  return Daemon.wait_ready(self.daemons, seconds, sees_all, "start")
end

-- Returns a cluster whose daemons see each other. `options`: as for `start` of lab.lua, checked.
local function start(options, mtu, seconds)
  local self = new(options)
  local namespaces, message, code = Namespaces.new(self.nodes, mtu, Daemon.configuration(options),
    children.environment(self), seconds)
  if not namespaces then
    return nil, message, code
  end
  self.namespaces = namespaces
  finalize(self)
  local fine
  fine, message, code = start_all(self, seconds)
  if fine then
    return self
  end
  self:stop()
  return nil, message, code
end

return { start = start }
