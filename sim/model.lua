-- A model of Corosync's groups with the anomalies that docs/testing.md describes. All random choices come from one
-- function, so a seed repeats a run.
local fuse = require "sim.fuse"
local messages = require "sim.messages"
local notes = require "sim.notes"
local processes = require "sim.processes"
local rings = require "sim.rings"

local model = {}

local World = {}
World.__index = World

-- A world also has the methods of these files.
for _, methods in ipairs { messages, rings, processes, notes, fuse } do
  for name, method in pairs(methods) do
    World[name] = method
  end
end

-- `random(n)` returns an integer from 1 to n. `options`: the percentages of the anomalies, how many messages are cut
-- when rings meet, the seconds until a view comes, and how many nodes make a quorum (default: a majority).
function model.new(node_count, random, options)
  local self = setmetatable({
    random = random, options = options, nodes = {}, processes = {}, now = 1000,
  }, World)
  for _ = 1, node_count do
    self:add_node(node_count)
  end
  self:heal()
  return self
end

-- Adds a node whose nodelist has `listed` nodes, and returns it. It has no ring yet.
function World:add_node(listed)
  local id = #self.nodes + 1
  self.nodes[id] = { id = id, listed = listed, seq = 0, component = { [id] = true }, outgoing = {}, backlog = {},
    processes = {} }
  return self.nodes[id]
end

-- Removes the last node, which is then in no nodelist any more. What it has stored is lost.
function World:remove_node()
  self:lose_power { [#self.nodes] = true }
  local node = table.remove(self.nodes)
  if node.disk then
    node.disk:wipe()
  end
end

function World:chance(percent)
  return self.random(100) <= percent
end

return model
