-- Random faults on a lab, the same ones for the same seed.
local storm = require "cpgrun.storm"
local wait = require "corosync.lab.wait"

local Faults = {}
Faults.__index = Faults

-- Park and Miller's generator: the same numbers on every Lua, which math.random does not give.
function Faults:random(from, to)
  self._state = self._state * 16807 % 2147483647
  return from + self._state % (to - from + 1)
end

-- A node of those for which something holds, or nil.
function Faults:_choose(condition)
  local found = {}
  for node = 1, self.nodes do
    if condition(node) then
      found[#found + 1] = node
    end
  end
  return found[1] and found[self:random(1, #found)]
end

function Faults:_tell(...)
  self._log(("%6.1f s  %s"):format(self._clock(), (...):format(select(2, ...))))
end

local function must(ok, message)
  if not ok then
    error(message, 0)
  end
  return true
end

-- Ends a storm of requests to join, which no healing ends.
function Faults:calm()
  self:_tell "the daemons come to no ring: all are killed and restarted"
  must(storm.calm(self.cluster))
  self._paused = {}
  self.storms = self.storms + 1
end

-- Where rings break again and again one may take long to form: whether it comes is asked when all is whole.
function Faults:_restart(node)
  local ok, message, code = self.cluster:restart(node)
  if code == "timeout" and storm.rages(self.cluster) then
    self:calm()
  elseif code == "timeout" then
    self:_tell("node %d has no ring yet", node)
  else
    must(ok, message)
  end
end

-- Each answers whether it could be done.
local kinds = {}

function kinds.partition(self)
  local sides = { {}, {} }
  for node = 1, self.nodes do
    table.insert(sides[self:random(1, 2)], node)
  end
  if not sides[1][1] or not sides[2][1] then
    return false
  end
  self:_tell("partition({%s}, {%s})", table.concat(sides[1], ","), table.concat(sides[2], ","))
  must(self.cluster:partition(sides[1], sides[2]))
  self._is_split = true
  return true
end

function kinds.heal(self)
  if not self._is_split then
    return false
  end
  self:_tell "heal()"
  must(self.cluster:heal())
  self._is_split = false
  return true
end

-- Some packets are lost: a link that is gone for less than a token takes.
function kinds.lose_packets(self)
  if self._is_split then
    return false
  end
  local node, others = self:random(1, self.nodes), {}
  for each = 1, self.nodes do
    if each ~= node then
      others[#others + 1] = each
    end
  end
  local seconds = self:random(1, 60) / 100
  self:_tell("the link of %d is gone for %.2f s", node, seconds)
  must(self.cluster:partition({ node }, others))
  wait.pass(seconds)
  must(self.cluster:heal())
  return true
end

-- A link that loses packets, delays them and turns them round, where the kernel has netem; else one that is slow, and
-- loses what would have to wait longer.
local function netem(self)
  return ("netem loss %d%% delay %dms %dms reorder %d%%"):format(self:random(0, 20), self:random(1, 50),
    self:random(0, 20), self:random(0, 50))
end

local function slow(self)
  return ("tbf rate %dkbit burst 4kb latency %dms"):format(self:random(1, 50) * 1000, self:random(1, 200))
end

function kinds.disturb(self)
  local node = self:random(1, self.nodes)
  local discipline = self._has_netem and netem(self) or slow(self)
  self:_tell("disturb(%d, \"%s\")", node, discipline)
  must(self.cluster:disturb(node, discipline))
  self._disturbed[node] = true
  return true
end

function kinds.end_disturbance(self)
  local node = self:_choose(function(each) return self._disturbed[each] end)
  if not node then
    return false
  end
  self:_tell("disturb(%d)", node)
  must(self.cluster:disturb(node))
  self._disturbed[node] = nil
  return true
end

function kinds.kill(self)
  local node = self:_choose(function(each) return not self._dead[each] and not self._paused[each] end)
  if not node then
    return false
  end
  self:_tell("kill(%d)", node)
  must(self.cluster:kill(node))
  self._dead[node] = true
  return true
end

function kinds.restart(self)
  local node = self:_choose(function(each) return self._dead[each] end)
  if not node then
    return false
  end
  self:_tell("restart(%d)", node)
  self:_restart(node)
  self._dead[node] = nil
  return true
end

-- Before its death is noticed.
function kinds.kill_and_restart(self)
  local node = self:_choose(function(each) return not self._dead[each] and not self._paused[each] end)
  if not node then
    return false
  end
  self:_tell("kill(%d) and restart it at once", node)
  must(self.cluster:kill(node))
  self:_restart(node)
  return true
end

function kinds.pause(self)
  local node = self:_choose(function(each) return not self._dead[each] and not self._paused[each] end)
  if not node then
    return false
  end
  self:_tell("pause(%d)", node)
  must(self.cluster:pause(node))
  self._paused[node] = true
  return true
end

function kinds.resume(self)
  local node = self:_choose(function(each) return self._paused[each] end)
  if not node then
    return false
  end
  self:_tell("resume(%d)", node)
  must(self.cluster:resume(node))
  self._paused[node] = nil
  return true
end

function kinds.kill_host(self)
  local node = self:_choose(function(each) return self.hosts:is_running(each) end)
  if not node then
    return false
  end
  self:_tell("kill_host(%d)", node)
  self.hosts:kill(node)
  return true
end

function kinds.start_host(self)
  local node = self:_choose(function(each) return not self.hosts:is_running(each) and not self._dead[each]
    and not self._paused[each] end)
  if not node then
    return false
  end
  self:_tell("start the script on %d again", node)
  self.hosts:start(node)
  return true
end

local ORDER = { "partition", "heal", "lose_packets", "disturb", "end_disturbance", "kill", "restart",
  "kill_and_restart", "pause", "resume", "kill_host", "start_host" }

-- One fault, or the end of one, after a pause.
function Faults:step()
  wait.pass(self:random(5, 200) / 100)
  local name
  repeat
    name = ORDER[self:random(1, #ORDER)]
  until kinds[name](self)
  self.count = self.count + 1
end

-- Everything is whole again, and every script runs.
function Faults:end_all()
  for node in pairs(self._paused) do
    must(self.cluster:resume(node))
  end
  self._paused = {}
  if self._is_split then
    must(self.cluster:heal())
    self._is_split = false
  end
  for node in pairs(self._disturbed) do
    must(self.cluster:disturb(node))
  end
  self._disturbed = {}
  for node in pairs(self._dead) do
    self:_restart(node)
  end
  self._dead = {}
  for node = 1, self.nodes do
    if not self.hosts:is_running(node) then
      self.hosts:start(node)
    end
  end
end

local function has_netem(cluster)
  return cluster:disturb(1, "netem delay 1ms") ~= nil and must(cluster:disturb(1))
end

-- On a lab's cluster, and on hosts: an object with is_running(node), kill(node) and start(node). `log` is given a line
-- for each fault.
return function(cluster, hosts, seed, clock, log)
  return setmetatable({
    cluster = cluster, hosts = hosts, nodes = cluster.nodes, count = 0, storms = 0,
    _state = seed % 2147483646 + 1, _clock = clock, _log = log, _has_netem = has_netem(cluster),
    _dead = {}, _paused = {}, _disturbed = {}, _is_split = false,
  }, Faults)
end
