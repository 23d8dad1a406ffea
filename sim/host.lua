-- A process of the model with a replica in it: gives it events, does what it asks for, and lets the checks see both.
local host = {}

local Host = {}
Host.__index = Host

-- Commands differ in their data.
local function hash(digest, entry)
  return (digest * 69069 + entry.data * 7919 + entry.seq) % 4294967291
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
  function machine.apply(data, index)
    self.digest = (self.digest * 31 + data * 7 + index) % 1000000007
    table.insert(self.commands, { id = data, index = index })
    self.checks:applied(self, data, index)
    return index
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

-- `number`: different for each process that ever was; `options`: of the protocol.
function host.new(protocol, world, process, number, checks, options)
  local self = setmetatable({ world = world, process = process, checks = checks }, Host)
  self.address = process.address
  self.replica = protocol.new {
    address = process.address,
    incarnation = tostring(number),
    machine = new_machine(self),
    hash = hash,
    patience = options.patience,
    observer = options.observer,
  }
  return self
end

local effects = {}

function effects.send(self, message)
  self.world:send(self.process, message)
end

function effects.reply(self, id, result, code)
  self.checks:replied(self, id, result, code)
end

function effects.rejoin(self)
  self.world:rejoin(self.process)
end

-- The node keeps the greatest.
function effects.note(self, text)
  self.world:note(self.process.node, text)
end

-- Does what the replica has asked for.
function Host:drain()
  local replica = self.replica
  if not self.is_busy then
    replica:flush()
  end
  while #replica.out > 0 do
    local out = replica.out
    replica.out = {}
    for _, effect in ipairs(out) do
      effects[effect[1]](self, effect[2], effect[3], effect[4])
    end
  end
end

function Host:submit(id)
  self.replica:submit(id, id)
  self:drain()
end

function Host:give_up(id)
  self.replica:give_up(id)
  self:drain()
end

-- Whether it has dropped its state and has not become full again.
function Host:is_without_state()
  return self.has_forgotten and not self.replica.generation
end

function Host:forget()
  self.has_forgotten = true
  self.replica:forget()
  self:drain()
end

function Host:time()
  self.replica:time(self.world.now)
  self:drain()
end

local events = {}

function events.config(replica, event)
  replica:config(event.members, event.left, event.breaks)
end

function events.ring(replica, event)
  replica:ring_change(event.ring)
end

function events.message(replica, event)
  replica:message(event.from, event.message)
end

-- Gives the replica its next event, or the view if there is none.
function Host:deliver()
  local event = self.world:deliver(self.process)
  if event then
    self.checks:note("%s %s %s", self, event.kind, event)
    events[event.kind](self.replica, event)
  else
    local view = self.world:view(self.process)
    if not view then
      return
    end
    self.checks:note("%s view", self)
    self.replica:settled(view)
  end
  self:drain()
end

return host
