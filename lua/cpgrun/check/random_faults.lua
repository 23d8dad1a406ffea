-- Random faults on a lab, the same ones for the same seed.
local join_storm = require "cpgrun.check.join_storm"
local wait = require "corosync.lab.wait"

local Faults = {}
Faults.__index = Faults

-- Park and Miller's generator: math.random returns different numbers on each Lua.
function Faults:random(from, to)
  self._state = self._state * 16807 % 2147483647
  return from + self._state % (to - from + 1)
end

-- A random node that meets the condition, or nil.
function Faults:_choose(condition)
  local found = {}
  for node = 1, self.nodes do
    if condition(node) then
      found[#found + 1] = node
    end
  end
  return found[1] and found[self:random(1, #found)]
end

function Faults:_log(...)
  self._write(("%6.1f s  %s"):format(self._clock(), (...):format(select(2, ...))))
end

local function must(ok, message)
  if not ok then
    error(message, 0)
  end
  return true
end

-- A storm does not end when the network heals.
function Faults:end_storm()
  self:_log "the daemons form no ring: killing and restarting all of them"
  must(join_storm.stop(self.cluster))
  self._paused = {}
  self.storms = self.storms + 1
end

-- While rings keep breaking a new one may take long: whether it forms is checked after all faults have ended.
function Faults:_restart(node)
  local ok, message, code = self.cluster:restart(node)
  if code == "timeout" and join_storm.is_on(self.cluster) then
    self:end_storm()
  elseif code == "timeout" then
    self:_log("node %d has no ring yet", node)
  else
    must(ok, message)
  end
end

-- Each makes one kind of fault, or returns false when it is not possible now.
local kinds = {}

function kinds.partition(self)
  local sides = { {}, {} }
  for node = 1, self.nodes do
    table.insert(sides[self:random(1, 2)], node)
  end
  if not sides[1][1] or not sides[2][1] then
    return false
  end
  self:_log("partition({%s}, {%s})", table.concat(sides[1], ","), table.concat(sides[2], ","))
  must(self.cluster:partition(sides[1], sides[2]))
  self._is_split = true
  return true
end

function kinds.heal(self)
  if not self._is_split then
    return false
  end
  self:_log "heal()"
  must(self.cluster:heal())
  self._is_split = false
  return true
end

-- Takes a link away for less than the token timeout, so that packets are lost.
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
  self:_log("the link of node %d is down for %.2f s", node, seconds)
  must(self.cluster:partition({ node }, others))
  wait.pass(seconds)
  must(self.cluster:heal())
  return true
end

-- Packets are lost, delayed and reordered. Without netem in the kernel the link is slow, and drops packets that would
-- wait longer than its limit.
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
  self:_log("disturb(%d, \"%s\")", node, discipline)
  must(self.cluster:disturb(node, discipline))
  self._disturbed[node] = true
  return true
end

-- A kind of fault on one node, possible when the choice returns a node.
local function on_node(choose, act)
  return function(self)
    local node = choose(self)
    if node then
      act(self, node)
    end
    return node ~= nil
  end
end

local function running(self)
  return self:_choose(function(node) return not self._dead[node] and not self._paused[node] end)
end

local function in_set(field)
  return function(self)
    return self:_choose(function(node) return self[field][node] end)
  end
end

local function with_host(self)
  return self:_choose(function(node) return self.hosts:is_running(node) and self.may_kill(node) end)
end

local function without_host(self)
  return self:_choose(function(node)
    return not self.hosts:is_running(node) and not self._dead[node] and not self._paused[node]
  end)
end

kinds.end_disturbance = on_node(in_set "_disturbed", function(self, node)
  self:_log("disturb(%d)", node)
  must(self.cluster:disturb(node))
  self._disturbed[node] = nil
end)

kinds.kill = on_node(running, function(self, node)
  self:_log("kill(%d)", node)
  must(self.cluster:kill(node))
  self._dead[node] = true
end)

kinds.restart = on_node(in_set "_dead", function(self, node)
  self:_log("restart(%d)", node)
  self:_restart(node)
  self._dead[node] = nil
end)

-- The others have not noticed the kill yet.
kinds.kill_and_restart = on_node(running, function(self, node)
  self:_log("kill(%d) and restart(%d) at once", node, node)
  must(self.cluster:kill(node))
  self:_restart(node)
end)

kinds.pause = on_node(running, function(self, node)
  self:_log("pause(%d)", node)
  must(self.cluster:pause(node))
  self._paused[node] = true
end)

kinds.resume = on_node(in_set "_paused", function(self, node)
  self:_log("resume(%d)", node)
  must(self.cluster:resume(node))
  self._paused[node] = nil
end)

kinds.kill_host = on_node(with_host, function(self, node)
  self:_log("kill_host(%d)", node)
  self.hosts:kill(node)
end)

kinds.start_host = on_node(without_host, function(self, node)
  self:_log("start the script on node %d again", node)
  self.hosts:start(node)
end)

local ORDER = { "partition", "heal", "lose_packets", "disturb", "end_disturbance", "kill", "restart",
  "kill_and_restart", "pause", "resume", "kill_host", "start_host" }

-- After a pause, makes one fault or ends one.
function Faults:step()
  wait.pass(self:random(5, 200) / 100)
  local name
  repeat
    name = ORDER[self:random(1, #ORDER)]
  until kinds[name](self)
  self.count = self.count + 1
end

-- Ends all faults and starts the scripts that do not run.
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

-- Faults on a lab's cluster, and on two fields that the caller sets: `hosts`, an object with is_running(node),
-- kill(node) and start(node); and `may_kill`, a function that says whether the script of a node may be killed. `write`
-- is called with a line for each fault.
return function(cluster, seed, clock, write)
  return setmetatable({
    cluster = cluster, nodes = cluster.nodes, count = 0, storms = 0,
    _state = seed % 2147483646 + 1, _clock = clock, _write = write, _has_netem = has_netem(cluster),
    _dead = {}, _paused = {}, _disturbed = {}, _is_split = false,
  }, Faults)
end
