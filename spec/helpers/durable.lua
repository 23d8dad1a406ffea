-- Members with storage on the nodes of a lab, and what they have confirmed.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local kill = require("spec.helpers.program").kill
local lab = require "corosync.lab"
local uv = require "luv"

local durable = {}

local DEADLINE = 180 -- seconds: under load a large state takes long

local Cluster = {}
Cluster.__index = Cluster

local count = 0

-- Returns a lab of three nodes.
function durable.start_lab()
  math.randomseed(os.time())
  return assert(lab.start { nodes = 3, token = 500 })
end

-- `cluster`: a lab's. Each has a replica's name and a folder of its own, until `remove`.
function durable.new(cluster)
  count = count + 1
  return setmetatable({
    lab = cluster,
    name = ("durable-%d"):format(count),
    folder = assert(uv.fs_mkdtemp "/var/tmp/durable-XXXXXX"),
    members = {}, -- by node: the running program
    confirmed = {}, -- by writer: the greatest number
    indices = {}, -- by index: the command that was confirmed with it
    total = 0, -- commands that were confirmed
    runs = 0,
  }, Cluster)
end

function Cluster:path(node)
  return ("%s/node%d.db"):format(self.folder, node)
end

local function note(self, line)
  local writer, number, index = line:match "^confirmed (%S+) (%d+) (%d+)$"
  if writer then
    local what = writer .. " " .. number
    assert(not self.indices[index], ("index %s has %s and %s"):format(index, tostring(self.indices[index]), what))
    self.indices[index] = what
    self.confirmed[writer] = math.max(self.confirmed[writer] or 0, tonumber(number))
    self.total = self.total + 1
  end
end

-- Takes what all programs have written since.
function Cluster:take()
  for _, member in pairs(self.members) do
    for i = member.taken + 1, #member.program.lines do
      note(self, member.program.lines[i])
      member.taken = i
    end
  end
end

-- Starts a member on a node. `options`: writers, padding, path, patience.
function Cluster:start(node, options)
  options = options or {}
  self.runs = self.runs + 1
  local argv = { groups.interpreter, "spec/helpers/clients/durable_member.lua", self.name,
    options.path or self:path(node), ("%d-%d"):format(node, self.runs), tostring(options.writers or 2),
    tostring(options.padding or 0), tostring(options.patience or 5) }
  self.members[node] = { program = assert(self.lab:run(node, argv, { host = true })), taken = 0, found = 0 }
end

function Cluster:start_all(options)
  for node = 1, self.lab.nodes do
    self:start(node, options)
  end
end

local function text_of(self, node)
  local program = self.members[node].program
  local shown = {}
  for _, line in ipairs(program.lines) do
    if not line:find "^confirmed" then
      shown[#shown + 1] = line
    end
  end
  return ("node %d:\n%s\n%s"):format(node, table.concat(shown, "\n"), table.concat(program.errors, "\n"))
end

-- What the members have written, other than confirmed commands.
local function texts(self)
  local found = {}
  for node in pairs(self.members) do
    found[#found + 1] = text_of(self, node)
  end
  return table.concat(found, "\n")
end

-- Waits until a member has written a line like the pattern, after those that were found before. Returns the captures.
function Cluster:hears(node, pattern, seconds)
  local member = self.members[node]
  local captures
  local ok = self.lab:wait_for(function()
    local lines = member.program.lines
    for i = member.found + 1, #lines do
      member.found = i
      captures = { lines[i]:match(pattern) }
      if captures[1] then
        return true
      end
    end
    return member.program.exited
  end, seconds or DEADLINE)
  if not ok or not captures or not captures[1] then
    error(("node %d has written no line like '%s'\n%s"):format(node, pattern, texts(self)), 2)
  end
  return (table.unpack or unpack)(captures) -- luacheck: ignore 113
end

function Cluster:run(node, line)
  assert(self.members[node].program:write(line .. "\n"))
end

-- Waits until the members of these nodes have confirmed so many commands more, all together.
function Cluster:confirms(more)
  self:take()
  local goal = self.total + more
  local ok = self.lab:wait_for(function()
    self:take()
    return self.total >= goal
  end, DEADLINE)
  if not ok then
    error(("%d of %d confirmed\n%s"):format(self.total, goal, texts(self)), 2)
  end
end

-- Kills members by signal 9, at once.
function Cluster:kill(nodes)
  for _, node in ipairs(nodes) do
    self.members[node].program:kill "sigkill"
  end
  for _, node in ipairs(nodes) do
    assert(self.members[node].program:wait(10))
  end
  self:take()
  for _, node in ipairs(nodes) do
    self.members[node] = nil
  end
end

-- Power fails on nodes and comes back. What was in memory is lost, also files in /dev/shm.
function Cluster:fail_power(nodes)
  for _, node in ipairs(nodes) do
    local daemon = self.lab.daemons[node]
    daemon.process:kill "sigkill"
  end
  self:kill(nodes)
  for _, node in ipairs(nodes) do
    assert(self.lab.daemons[node].process:wait(10))
    self.lab.hosts[node] = nil
  end
  for _, node in ipairs(nodes) do
    assert.equal(0, (self.lab:command(node, { "sh", "-c", "rm -rf /dev/shm/*" }, 10)))
    assert(self.lab:restart(node))
  end
end

-- The state of a member, after a barrier: how many commands, and the last number by writer. A member that still learns
-- a large state is not ready at first.
function Cluster:state(node)
  self:run(node, "local ok, message, code repeat ok, message, code = app:barrier() until code ~= 'not_ready' "
    .. "assert(ok, message) show()")
  local total, wrong, index, last = self:hears(node, "^state (%d+) (%d+) (%d+) ?(.*)$")
  assert(wrong == "0", ("node %d has applied %s commands twice, too early or late"):format(node, wrong))
  return { count = tonumber(total), index = tonumber(index), last = last }
end

-- Checks that the members of these nodes have equal states with all that was confirmed.
function Cluster:check(nodes)
  for _, node in ipairs(nodes) do
    self:run(node, "stop_writers()")
  end
  for _, node in ipairs(nodes) do
    self:hears(node, "^(stopped)$")
  end
  local first = self:state(nodes[1])
  self:take()
  for i = 2, #nodes do
    assert.same(first, self:state(nodes[i]))
  end
  local last = {}
  for writer, number in first.last:gmatch "(%S+)=(%d+)" do
    last[writer] = tonumber(number)
  end
  for writer, number in pairs(self.confirmed) do
    assert((last[writer] or 0) >= number, ("%s has confirmed %d, and %s is there"):format(writer, number,
      tostring(last[writer])))
  end
  return first
end

-- Ends all members, and waits until the nodes are together.
function Cluster:remove()
  for _, member in pairs(self.members) do
    kill { member.program }
  end
  os.execute(("rm -rf '%s'"):format(self.folder))
  local nodes = {}
  for node = 1, self.lab.nodes do
    nodes[node] = node
  end
  assert(self.lab:wait_members(nodes, 30))
end

return durable
