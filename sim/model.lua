-- A model of Corosync's groups with the anomalies that docs/testing.md describes. All random choices come from one
-- function, so a seed repeats a run.
--
-- Fields of a node:
--   id, processes        processes: all that have ever run on it
--   listed               the number of nodes in its nodelist
--   ring, seq            { node, seq }; and the greatest number of a ring that it remembers
--   component, peers     the nodes on its ring: a set of ids, a list of nodes
--   outgoing, backlog    items that wait for their place in the order, and for its processes (messages.lua)
--   receivers            the processes that receive what is ordered now; nil after a change of processes
--   strangers            nodes that will miss messages of this one: how many, by id (rings.lua)
--   disk                 its storage, or nil
--   noted, promised      its notes (notes.lua)
--
-- Fields of a process:
--   node, address, disk  node: its id
--   alive, stopped       stopped: it is paused
--   connected, joined    to Corosync; as a member, by the order
--   life, joined_life    a number of the present connection, and of the one with which it joined
--   inbox                events that it has not handled
--   listed               the members that it was last told of
--   settling             the view that it is about to get (delivery.lua)
local planned_fault = require "sim.planned_fault"
local messages = require "sim.messages"
local notes = require "sim.notes"
local processes = require "sim.processes"
local rings = require "sim.rings"

local model = {}

local World = {}
World.__index = World

-- A world also has the methods of these files.
for _, methods in ipairs { messages, rings, processes, notes, planned_fault } do
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
