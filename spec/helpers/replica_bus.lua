-- Replicas on one ring, without a cluster: what they send is delivered to all in one order.
local protocol = require "corosync.replica.protocol"

local replica_bus = {}

local RING = { node = 1, seq = 8 }

local function hash(digest, batch)
  return (digest * 31 + #table.concat(batch.list, " ") + batch.seq) % 1000003
end

-- What members send waits in `queue`.
local Bus = {}
Bus.__index = Bus

local function new_machine(member)
  local machine = {}
  function machine.reset() member.state = {} end
  function machine.apply(list, index)
    local results = {}
    for i, data in ipairs(list) do
      table.insert(member.state, data)
      results[i] = index + i - 1
    end
    return results
  end
  function machine.snapshot() return table.concat(member.state, " ") end
  function machine.restore(text)
    member.state = {}
    for word in text:gmatch "%S+" do
      table.insert(member.state, word)
    end
  end
  return machine
end

-- `nodes`: in the nodelist. No node without members is on the ring unless `on_ring` is set.
function replica_bus.new(nodes)
  return setmetatable({ nodes = nodes, on_ring = {}, members = {}, list = {}, queue = {}, now = 0, ring = RING }, Bus)
end

function Bus:carry_out(member, effect)
  if effect[1] == "send" then
    table.insert(self.queue, { from = member.address, message = effect[2] })
  elseif effect[1] == "reply" then
    for _, id in ipairs(effect[2]) do
      if id then
        member.replies[id], member.causes[id] = effect[4] or "ok", effect[6]
      end
    end
  elseif effect[1] == "sync" then
    effect[2].index = effect[3]
  elseif effect[1] == "note" then
    member.notes[#member.notes + 1] = effect[2] .. " " .. effect[3]
  else
    member.effects[effect[1]] = effect[2] or true
  end
end

local function flush(self, member)
  member.replica:flush()
  local out = member.replica.out
  member.replica.out = {}
  for _, effect in ipairs(out) do
    self:carry_out(member, effect)
  end
end

function Bus:take(member)
  flush(self, member)
  member.replica:apply()
  flush(self, member)
end

function Bus:each(act)
  for _, address in ipairs(self.list) do
    local member = self.members[address]
    if not member.stopped then
      act(member)
      self:take(member)
    end
  end
end

function Bus:settle(member)
  member.replica:view_change { ring = self.ring, nodes = self.nodes, on_ring = self.on_ring, floor = 0,
    noted = member.noted, promised = member.promised }
  self:take(member)
end

-- A member joins, with options of the protocol; the others are told, and claims are made anew.
function Bus:add(address, options)
  local member = { address = address, replies = {}, causes = {}, effects = {}, notes = {},
    state = {} }
  local more = { address = address, incarnation = address, machine = new_machine(member), hash = hash, now = self.now,
    patience = 5 }
  for name, value in pairs(options or {}) do
    more[name] = value
  end
  member.replica = protocol.new(more)
  self.members[address] = member
  table.insert(self.list, address)
  table.sort(self.list)
  self:each(function(each) each.replica:config_change(self.list, {}, each == member) end)
  self:each(function(each) each.replica:ring_change(self.ring) end)
  self:each(function(each) self:settle(each) end)
  return member
end

function Bus:remove(address)
  for i, other in ipairs(self.list) do
    if other == address then
      table.remove(self.list, i)
    end
  end
  self:each(function(each) each.replica:config_change(self.list, { address }, false) end)
  self:each(function(each) self:settle(each) end)
end

function Bus:change_ring()
  self.ring = { node = 1, seq = self.ring.seq + 4 }
  self:each(function(each)
    each.replica:config_change(self.list, {}, true)
    each.replica:ring_change(self.ring)
  end)
end

-- Delivers the next message to all.
function Bus:step()
  local item = table.remove(self.queue, 1)
  self:each(function(each) each.replica:message(item.from, item.message) end)
  return item.message
end

function Bus:run()
  while #self.queue > 0 do
    self:step()
  end
end

-- Delivers messages up to the first of a kind.
function Bus:run_to(kind)
  repeat
    assert(#self.queue > 0, "no " .. kind)
  until self:step().kind == kind
end

-- Removes the messages of a kind that wait.
function Bus:lose(kind)
  for i = #self.queue, 1, -1 do
    if self.queue[i].message.kind == kind then
      table.remove(self.queue, i)
    end
  end
end

function Bus:wait(seconds)
  for _ = 1, seconds * 2 do
    self.now = self.now + 0.5
    self:each(function(each) each.replica:time(self.now) end)
    self:run()
  end
end

function Bus:submit(member, data)
  member.replica:submit(data, data, #data)
  self:take(member)
end

function replica_bus.three_members()
  local bus = replica_bus.new(3)
  local one, two, three = bus:add "1:10", bus:add "2:20", bus:add "3:30"
  bus:run()
  return bus, one, two, three
end

function Bus:statuses()
  local found = {}
  for _, address in ipairs(self.list) do
    found[#found + 1] = self.members[address].replica.status
  end
  return table.concat(found, " ")
end

return replica_bus
