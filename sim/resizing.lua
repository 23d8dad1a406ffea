-- Adds and removes nodes, whose nodelists differ for a while.
local losses = require "sim.losses"
local sets = require "sim.sets"
local turns = require "sim.turns"

local resizing = {}

local MOST_NODES = 6

-- Whether each node has a full member whose state counts as one of the present number of nodes.
local function is_resized(self)
  local has = {}
  for _, each in ipairs(self:living()) do
    local active = each.replica.active
    has[each.process.node] = active ~= nil and active.nodes == #self.world.nodes and active:has_enough()
      and active:is_established()
  end
  for id in ipairs(self.world.nodes) do
    if not has[id] then
      return false
    end
  end
  return self:is_whole()
end

-- Removes the last nodes.
local function remove_nodes(self, target)
  while #self.world.nodes > target do
    self.world:remove_node()
  end
  self.alive = nil
  losses.check(self)
end

local function add_nodes(self, target)
  for id = #self.world.nodes + 1, target do
    self.world:form { self.world:add_node(target).component }
    self:add_storage(id)
    self:start(id)
  end
end

-- Changes the number of nodes. Removed nodes end before the others read the new nodelist, or afterwards. A single new
-- node starts before that, several start afterwards.
local function resize(self, target)
  local count = #self.world.nodes
  self.checks:note("there will be %s nodes", target)
  self.target, self.unread, self.is_resized = target, {}, false
  for id = 1, math.min(target, count) do
    self.unread[id] = true
  end
  self.removed = math.max(count - target, 0)
  self.checks.needed = math.floor(math.min(target, count) / 2) + 1
  if target < count and self.random(2) == 1 then
    remove_nodes(self, target)
  elseif target == count + 1 then
    add_nodes(self, target)
  end
end

-- Nodes are added when all nodes have full members. They are removed at any time after all nodes have had full members
-- since the last change, but only so few that the others are a majority.
function resizing.resize(self)
  local count = #self.world.nodes
  local target = count + ({ -2, -2, -1, 1, 2 })[self.random(5)]
  local is_resized_now = not self.unread and is_resized(self)
  self.is_resized = self.is_resized or is_resized_now
  local is_wanted = target >= 2 and 2 * target > count and target <= MOST_NODES
  if is_wanted and (is_resized_now or target < count and self.is_resized) then
    resize(self, target)
  end
end

function resizing.reload(self)
  local id = self.unread and self:one_of(sets.sorted_keys(self.unread))
  if not id then
    return
  end
  self.checks:note("node %s reads its nodelist", id)
  self.world.nodes[id].listed, self.unread[id] = self.target, nil
  if not next(self.unread) then
    self.unread = nil
    remove_nodes(self, self.target)
    add_nodes(self, self.target)
  end
  losses.check(self)
end

-- Returns the members whose nodes are in a set, or those whose nodes are not.
local function members_of(self, nodes, is_in)
  local found = {}
  for _, each in ipairs(self:living()) do
    if each.process.connected and (nodes[each.process.node] ~= nil) == is_in then
      found[#found + 1] = each
    end
  end
  return found
end

local function go_on(self, members)
  for _ = 1, 1 + self.random(3) do
    turns.rest(self)
    local host = self:one_of(members)
    if host and host.process.alive then
      self.checks:submit(host)
    end
  end
end

-- Cuts nodes that have not read the nodelist off from the others. Sometimes their members leave first. Each part goes
-- on if it can.
function resizing.part(self)
  local readers, others = {}, {}
  for id, node in ipairs(self.world.nodes) do
    (node.listed == self.target and readers or others)[id] = true
  end
  if not self.unread or not next(readers) or not next(others) then
    return
  end
  self.checks:note("nodes %s part", table.concat(sets.sorted_keys(readers), " "))
  local leavers = self.random(2) == 1 and members_of(self, readers, false) or {}
  for _, each in ipairs(leavers) do
    self.world:leave(each.process)
  end
  go_on(self, members_of(self, readers, true))
  self.world:form { readers, others }
  for _, each in ipairs(leavers) do
    if each.process.alive and not each.process.connected then
      self.world:join(each.process)
    end
  end
  go_on(self, self:living())
end

-- Lets all nodes read the same nodelist. If the others wait for removed nodes, because they lost members meanwhile, the
-- removed nodes must come back.
function resizing.finish(self)
  while self.unread do
    resizing.reload(self)
  end
  if self.removed > 0 and not is_resized(self) then
    resize(self, #self.world.nodes + self.removed)
    resizing.finish(self)
  end
end

return resizing
