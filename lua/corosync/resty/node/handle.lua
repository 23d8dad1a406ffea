-- A worker's connection to its node's log, with the methods of a handle of corosync.cpg that groups use. So all else is
-- as in a group that is a member itself: handlers, views, reconnecting, and leaving.
local addresses = require "corosync.resty.node.addresses"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local unpack_message = require("corosync.resty.node.run").next
local state = require "corosync.resty.node.state"
local store = require "corosync.resty.node.store"

local GAPS = {
  removed = "its handlers were too slow: events that waited for them have been removed from shared memory",
  skipped = "shared memory had no room for an event: nginx's error log says more",
}

local Handle = {}
Handle.__index = Handle

-- ---- events, as the handle's `receive` returns them ----

local show = {}

-- One after another.
function show.messages(self, run)
  self.run, self.offset = run, 0
end

-- Nothing when other members of the same nodes have come or gone.
function show.change(self, left, joined)
  local previous = self.addresses
  self.addresses = addresses.new(self.state.members)
  local gone, new = self.addresses:differences(previous, left, joined)
  if gone[1] or new[1] then
    return "config", self.addresses:all(), gone, new
  end
end

function show.ring(_, node, seq, nodes)
  return "ring", { node = node, seq = seq }, nodes
end

function show.down(_, reason)
  return nil, reason or "the last worker that received for this node has left", "not_connected"
end

-- Views get it from the state.
function show.quorum() end

function show.start() end

function show.vacancy(self)
  self.on_vacancy()
end

local function next_message(self)
  local node, pid, message, offset = unpack_message(self.run, self.offset)
  self.offset = offset
  if offset == #self.run then
    self.run = nil
  end
  return "message", self.addresses:of(node, pid), message
end

local function is_told(kind, event)
  return event ~= nil or kind == "down"
end

-- ---- reading ----

-- The state after the last batch, with which the worker begins.
local function begin(self, batch)
  self.state = store.decode(batch.state)
  self.addresses = addresses.new(self.state.members)
  self.is_new = self.state.up
end

-- What a new member would hear: that its node has joined.
local function own_join(self)
  local own = self:address()
  own.reason = "join"
  self.on_vacancy() -- the node has a member, and may need another
  self.is_new, self.ring_is_new = false, self.state.ring ~= nil
  return "config", self.addresses:all(), {}, { own }
end

local function own_leave(self)
  local own, rest = self:address(), {}
  own.reason = "leave"
  for _, each in ipairs(self.addresses:all()) do
    rest[#rest + 1] = each ~= own and each or nil
  end
  self.is_leaving, self.has_left = false, true
  return "config", rest, { own }, {}
end

-- Goes to the next batch. Returns true; false if there is none yet; or nil, message, code.
local function read_on(self)
  self.bell:silence() -- before looking, so that no ring is lost
  self.pace:note(self.log.position)
  local index = self.index and self.index + 1 or self.log:last()
  local batch, why = self.log:read(index)
  if why and self.index then
    return nil, GAPS[why], "not_connected"
  elseif not batch then
    return false
  end
  self.index, self.events, self.place = index, batch.events, 1
  if self.state then
    return true
  end
  self.events = {}
  begin(self, batch)
  if self.state.reason then
    return nil, self.state.reason, "not_connected"
  end
  return true
end

local function has_node(changes, node)
  for i = 1, #changes, 3 do
    if changes[i] == node then
      return true
    end
  end
  return false
end

-- The next event of the batch: its kind and values.
local function next_event(self)
  local events, place = self.events, self.place
  local kind = events[place]
  if not kind then
    return nil
  end
  self.place = place + 4
  local a, b, c = events[place + 1], events[place + 2], events[place + 3]
  local is_known = state.is_known(self.state, kind, a, b, c)
  if not is_known then
    state.apply(self.state, kind, a, b, c)
    if kind == "change" and has_node(a, self.state.node) then
      self.on_vacancy() -- one of this node's members may have left
    end
  end
  return kind, is_known, a, b, c
end

-- Nothing when there is none that handlers are told.
local function told(self, kind, is_known, a, b, c)
  if kind == "start" then
    self.addresses = addresses.new(self.state.members)
    return own_join(self)
  elseif is_known then
    return
  end
  return show[kind](self, a, b, c)
end

-- The values of the next event that handlers are told, or nil as `receive`.
local function receive(self)
  while not self.is_new and not self.ring_is_new do
    if self.run then
      return next_message(self)
    end
    local kind, is_known, a, b, c = next_event(self)
    if kind then
      local event, x, y, z = told(self, kind, is_known, a, b, c)
      if is_told(kind, event) then
        return event, x, y, z
      end
    else
      local more, message, code = read_on(self)
      if not more then
        return nil, message, code
      end
    end
  end
  if self.is_new then
    return own_join(self)
  end
  self.ring_is_new = false
  return show.ring(self, unpack(self.state.ring))
end

-- ---- the methods that groups call ----

-- An event's name and values; nil when none waits; nil, message, code.
function Handle:receive()
  if self.is_leaving then
    return own_leave(self)
  elseif self.has_left then
    return nil
  end
  return receive(self)
end

function Handle:fd()
  return self.bell:fd()
end

function Handle:leave()
  self.is_leaving = self.addresses ~= nil
  return true
end

-- What a connection to Corosync must do, and this one need not.
local function nothing() end
local function succeed() return true end

Handle.close, Handle.stop, Handle.timeout = nothing, nothing, nothing
Handle.flush, Handle.join = succeed, succeed

function Handle.dispatch()
  return 0, false
end

function Handle.fetch()
  return 0
end

function Handle.wait()
  return false
end

-- The node's address; nil while the node is not a member.
function Handle:address()
  return self.addresses and self.addresses:of(self.state.node)
end

function Handle:members()
  return self.addresses and self.addresses:all() or {}
end

function Handle:send(message, guarantee)
  return self.send_message(message, guarantee)
end

-- ---- the handle for views ----

local Quorum = {}
Quorum.__index = Quorum

function Quorum:dispatch()
  local known = self.handle.state and self.handle.state.quorum
  if known ~= self.told and known then
    local quorate = known[1]
    if quorate == "unknown" then
      quorate = nil
    end
    self.own.quorum_change(quorate, {}, { node = known[2], seq = known[3] })
  end
  self.told = known
  return 0, false
end

Quorum.wait = succeed

function Quorum:fd()
  return self.never:fd()
end

function Quorum:close()
  self.never:close()
end

function Handle:open_quorum(own)
  local never, message, code = core.pollset() -- a descriptor that is never readable
  if not never then
    return nil, message, code
  end
  return setmetatable({ handle = self, own = own, never = never }, Quorum)
end

-- `given`: log, bell, pace, send_message(message, guarantee), on_vacancy(). Returns the handle; or nil, message,
-- "not_connected" while the node has no connection.
local function open(given, group)
  local self = setmetatable(given, Handle)
  self.events, self.place = {}, 1
  local batch = self.log:read(self.log:last())
  local last = batch and store.decode(batch.state)
  if last and last.reason then
    return errors.failure("read the events of", group, last.reason, "not_connected")
  end
  return self
end

return { open = open }
