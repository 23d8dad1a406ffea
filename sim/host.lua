-- A process of the model with a replica: passes events to the replica, carries out its effects, and shows both to the
-- checks.
local delivery = require "sim.delivery"

local host = {}

local Host = {}
Host.__index = Host

local LARGEST = 8000 -- bytes of a command: some batches have few, some many

-- Commands differ in their data.
local function hash(digest, batch)
  for _, data in ipairs(batch.list) do
    digest = (digest * 69069 + data * 7919 + batch.seq) % 4294967291
  end
  return digest
end

local function copy(list)
  local to = {}
  for i, item in ipairs(list) do
    to[i] = item
  end
  return to
end

-- The state is the list of commands with their indices, and a digest of them.
local function new_machine(self)
  local machine = {}
  function machine.reset()
    self.commands, self.digest = {}, 0
  end
  local function apply(data, index)
    self.digest = (self.digest * 31 + data * 7 + index) % 1000000007
    table.insert(self.commands, { id = data, index = index })
    self.checks:applied(self, data, index)
    return index
  end
  function machine.apply(list, index)
    local results = {}
    for i, data in ipairs(list) do
      results[i] = apply(data, index + i - 1)
    end
    return results
  end
  function machine.snapshot()
    return { commands = copy(self.commands), digest = self.digest }
  end
  function machine.restore(snapshot)
    self.commands, self.digest = copy(snapshot.commands), snapshot.digest
  end
  machine.reset()
  return machine
end

-- `number`: different for each process that ever existed; `options`: for the protocol.
function host.new(protocol, world, process, number, checks, options)
  local self = setmetatable({
    world = world, process = process, checks = checks, stored_before = protocol.stored_before,
  }, Host)
  self.address = process.address
  local machine, stored, snapshot = new_machine(self), nil, nil
  if process.disk then
    stored, snapshot = process.disk:load()
  end
  if snapshot then
    machine.restore(snapshot)
  end
  self.replica = protocol.new {
    address = process.address,
    incarnation = tostring(number),
    machine = machine,
    hash = hash,
    now = world.now,
    patience = options.patience,
    observer = options.observer,
    durable = process.disk ~= nil,
    stored = stored,
    copies = options.copies,
    replayed_at_once = 3,
  }
  self.machine = machine
  return self
end

local effects = {}

function effects.send(self, message)
  if self.process.disk and self.stored_before[message.kind] then
    self.process.disk:sync()
  end
  self.world:send(self.process, message)
  self.last_sent = message.kind
end

function effects.reply(self, ids, results, code)
  for i, id in ipairs(ids) do
    if id then
      self.checks:replied(self, id, results and results[i], code)
    end
  end
end

function effects.rejoin(self)
  self.world:rejoin(self.process)
end

function effects.note(self, kind, text)
  self.world:note(self.process.node, kind, text)
end

local COMPACTION = 40 -- entries, on average

local function write_base(self)
  self.process.disk:write("base", self.replica:stored_base(), self.machine.snapshot())
end

function effects.store(self, what, ...)
  if what == "replaced" or what == "entry" and self.world.random(COMPACTION) == 1 then
    write_base(self)
  else
    self.process.disk:write(what, ...)
  end
end

function effects.sync(self, mark, index)
  self.process.disk:sync()
  mark.index = index
end

local function note_doubt(self)
  local active = self.replica.active
  if active and active.is_doubtful and active.tag ~= self.doubtful then
    self.doubtful = active.tag
    self.checks:doubts(self.replica.log.index)
  end
end

local function do_effects(self)
  local out = self.replica.out
  self.replica.out = {}
  for _, effect in ipairs(out) do
    if self.world:dies_before_effect(self) then
      return
    end
    effects[effect[1]](self, effect[2], effect[3], effect[4])
  end
end

-- Carries out the replica's effects. The process may die before or after each of them.
function Host:drain()
  self.replica:flush()
  note_doubt(self)
  do_effects(self)
  if self.process.alive and self.replica:has_confirmed() then
    self.replica:apply()
    self.replica:flush()
    do_effects(self)
  end
end

-- Commands that are submitted before the next effects are sent together.
function Host:submit(id)
  self.replica:submit(id, id, self.world.random(LARGEST))
  if self.world.random(2) == 1 then
    self:drain()
  end
end

function Host:give_up(id)
  self.replica:give_up { [id] = true }
  self:drain()
end

-- Whether it has dropped its state and has not become full again.
function Host:is_without_state()
  return self.has_forgotten and (not self.replica.generation or self.replica.partial)
end

function Host:forget()
  self.has_forgotten = true
  if self.process.disk then
    self.process.wipes = self.process.disk:forget()
  end
  self.replica:forget()
  self:drain()
end

function Host:time()
  if not self.process.alive then
    return
  end
  self.replica:time(self.world.now)
  local view, listed = self.replica.view, self.world.nodes[self.process.node].listed
  if view and view.nodes ~= listed then
    self.replica:nodes_changed(listed)
  end
  self:drain()
end

local events = {}

function events.config(replica, event)
  replica:config_change(event.members, event.left, event.breaks)
end

function events.ring(replica, event)
  replica:ring_change(event.ring)
end

function events.message(replica, event)
  replica:message(event.from, event.message)
end

-- Gives the replica its next event, or the view if there is none. Returns whether there was one.
local function next_event(self)
  local event = delivery.next_event(self.world, self.process)
  if event then
    if self.checks.log then
      self.checks:note("%s %s %s", self, event.kind, event)
    end
    events[event.kind](self.replica, event)
    return true
  end
  local view = delivery.view(self.world, self.process)
  if view then
    self.checks:note("%s view", self)
    self.replica:view_change(view)
  end
  return view ~= nil
end

-- Gives the replica up to `most` events, and then carries out its effects. Returns whether there was an event.
function Host:deliver(most)
  if not self.process.alive or not next_event(self) then
    return false
  end
  for _ = 2, most do
    if not next_event(self) then
      break
    end
  end
  self:drain()
  return true
end

return host
