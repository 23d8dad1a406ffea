-- Takes a history apart: into lives, each from a join to its end, which are made of states, each with one membership
-- and one ring. What is wrong with a history by itself is found here.
local configuration = require "corosync.history.configuration"
local list = require "corosync.list"

local lives = {}

-- `by_nodes`: whether nodes have gone or come. A state that a lost node has made is not the one that a leave has made.
local function add_state(life, ring, by_nodes, is_lost)
  local members = configuration.sorted(life.members)
  local key = ("%s@%s%s"):format(members, tostring(ring), is_lost and " (a node lost)" or "")
  local state = { members = members, present = list.set(life.members), ring = ring, key = key, deliveries = {},
    by_nodes = by_nodes }
  life.states[#life.states + 1] = state
  life.state = state
end

-- A send from another group's handler may go before the word of the join, which waits for that handler.
local function begin_life(self, event)
  local life = { history = self.history, address = event[2], states = {}, first = self.ahead or #self.stream + 1 }
  self.lives[#self.lives + 1] = life
  self.life, self.address, self.has_left, self.ahead, self.asked = life, event[2], false, nil, false
  self.again = false
  return life
end

-- The next life may begin on another ring.
local function end_life(self)
  self.life, self.ring = nil, nil
end

local on = {}

-- Corosync orders a leave after what was sent before it.
local function check_leave(self, reason)
  if reason then
    self.life.quiet = reason == "leave" and #self.stream or self.life.quiet
    self.has_left = reason == "leave"
    self.life.has_left = self.has_left
    end_life(self)
  end
end

-- Corosync tells what nodes and their processes have done at once, and then the ring.
local function check_awaited(self, event)
  if self.awaits_ring and (event[4]:find "=leave" or event[5]:find "=join") then
    self.complain("e", event, "nodes had gone or come by the last configuration, and their ring is not told")
  end
end

-- Who ends while rings meet: the word of it comes between that of the nodes and their ring, or is the last before that
-- of the nodes.
local function note_ended(self, it)
  if it.is_lost or it.is_back then
    for address in pairs(self.just_ended) do
      self.ended[address] = true
    end
  end
  self.just_ended = {}
  for address, reason in pairs(it.left_for) do
    if reason == "procdown" then
      self.just_ended[address] = true
      self.ended[address] = self.ended[address] or self.awaits_ring or nil
    end
  end
end

-- What is to be said of a configuration of one that is a member.
local function change(self, it, complain)
  check_awaited(self, it.event)
  note_ended(self, it)
  for _, address in ipairs(configuration.check_change(it, self.life.members, complain)) do
    table.insert(self.strangers, { address = address, line = it.event.line })
  end
end

local function add_configuration(self, it)
  local life = self.life
  life.members = it.members
  add_state(life, life.state and life.state.ring or self.ring, it.is_lost or it.is_back, it.is_lost)
  life.state.left, life.state.joined, life.state.line = it.left_for, it.joined_for, it.event.line
  self.awaits_ring = self.awaits_ring or it.is_lost or it.is_back
end

-- A process whose Corosync has gone, and that did not wait for the word of it, joins without having left. Its address
-- stays: node and process number are what they were.
function on.config(self, event)
  local it = configuration.of(event)
  local function complain(text) self.complain("e", event, text) end
  if it.own ~= (self.address or it.own) then
    complain(("it is %s, and was %s"):format(it.own, self.address))
    return
  end
  configuration.check(it, complain)
  if it.joined_for[it.own] then
    if self.life and self.wanted ~= nil and not self.again then
      complain "it joins again, and has neither left nor lost Corosync nor asked to"
    end
    begin_life(self, event)
    configuration.check_first(it, complain)
  elseif self.life then
    change(self, it, complain)
  else
    self.complain("i", event, "a configuration before the own join")
    return
  end
  add_configuration(self, it)
  check_leave(self, it.left_for[it.own])
end

local function number_of(ring)
  return tostring(ring):match ":0*(%d+)$"
end

-- By their digits: there are more than a number of every Lua has.
local function is_before(one, other)
  return #one < #other or #one == #other and one < other
end

function on.ring(self, event)
  if event[2] == self.ring then
    return
  end
  local before, now = number_of(self.ring), number_of(event[2])
  if self.life and before and now and is_before(now, before) then
    self.complain("e", event, ("the ring is %s, after %s"):format(event[2], self.ring))
  end
  self.ring, self.rings, self.awaits_ring, self.just_ended = event[2], self.rings + 1, false, {}
  if self.life then
    add_state(self.life, event[2], true)
  end
end

-- Before its own send; after too many sends is the judge's.
local function note_own(self, event)
  local digest = event[3]
  self.came[digest] = (self.came[digest] or 0) + 1
  if self.came[digest] > (self.tried[digest] or 0) then
    self.early[digest] = event
  end
end

function on.message(self, event)
  if not self.life then
    self.complain("i", event, "a message from " .. event[2] .. " while it was no member")
    return
  end
  if not self.life.state.present[event[2]] then
    self.complain("i", event, ("a message from %s, which was no member"):format(event[2]))
  end
  -- The word of nodes that have gone or come is followed by that of their ring.
  if self.awaits_ring and self.rings > 0 then
    self.awaits_ring = false
    self.complain("e", event, "nodes had gone or come by the last configuration, and the ring is the same")
  end
  if event[2] == self.life.address then
    note_own(self, event)
  end
  local deliveries = self.life.state.deliveries
  deliveries[#deliveries + 1] = { sender = event[2], digest = event[3], line = event.line, rings = self.rings }
end

function on.send(self, event)
  local digest = event[3]
  self.open[event[2]] = digest
  self.tried_on[event[2]] = self.ring
  self.order[#self.order + 1] = event[2]
  self.tried[digest] = (self.tried[digest] or 0) + 1
  if self.early[digest] then
    self.complain("a", self.early[digest], ("its own message %s came before it was sent"):format(digest))
    self.early[digest] = nil
  end
end

-- Rule g, of what is sent by one that is no member, and only by `activate` becomes one.
local function check_ahead(self, event, digest)
  self.ahead = self.ahead or #self.stream
  if not self.wanted then
    self.complain("g", event, ("its own message %s was answered with true, and it was no member"):format(digest))
  end
end

-- The order of sends is that in which they were answered: one that waits is overtaken by those of handlers.
function on.answer(self, event)
  local digest = self.open[event[2]]
  self.open[event[2]] = nil
  if event[3] == "true" then
    self.stream[#self.stream + 1] = digest
    self.sent_in[#self.stream], self.sent_on[#self.stream] = self.rings, self.ring or false
    if not self.life then
      check_ahead(self, event, digest)
    end
  else
    self.refused[digest] = true
  end
end

function on.lost(self)
  self.awaits_ring, self.ahead, self.asked = false, nil, false
  if not self.life then
    self.unborn = self.unborn + 1
  end
  end_life(self)
end

function on.quiet(self, event)
  if self.life then
    self.life.quiet = #self.stream
  elseif self.ahead then
    self.complain("g", event, ("its own message %s was answered with true, and it has not joined"):format(
      self.stream[self.ahead]))
  end
end

function on.activate(self)
  self.wanted, self.asked, self.again = true, not self.life, self.life ~= nil
end

function on.deactivate(self)
  self.wanted = false
end

-- Who has left, or was never to join, need not be there.
function on.settled(self)
  local wanted, life = self.wanted, self.life
  if wanted ~= false and life then
    self.settled, self.settled_on = life.state.members, life.state.ring
  elseif wanted or wanted == nil and self.address and not self.has_left then
    self.settled = "no members, being none itself"
  end
end

function on.raise(self, event)
  local word = event[2]
  self.raised[word] = self.raised[word] or {}
  table.insert(self.raised[word], event)
end

local function announces_any(events)
  for _, event in ipairs(events) do
    if event[1] == "raise" then
      return true
    end
  end
  return false
end

function on.error(self, event)
  for word in event[2]:gmatch "[%w_]+" do
    if self.raised[word] and table.remove(self.raised[word]) then
      return
    end
  end
  if self.announces then
    self.complain("l", event, "an error that nobody raised, or reported twice: " .. event[2])
  end
end

function on.usage(self, event)
  local descriptors, kilobytes = event[2], event[3]
  local first = self.usage
  if not first then
    self.usage = { descriptors, kilobytes }
  elseif tonumber(descriptors) > tonumber(first[1]) then
    self.complain("l", event, ("%s descriptors are open, and %s were"):format(descriptors, first[1]))
  elseif tonumber(kilobytes) > 2 * tonumber(first[2]) + 2000 then
    self.complain("l", event, ("%s kB of memory are used, and %s were"):format(kilobytes, first[2]))
  end
end

function on.group(self, event)
  self.group = event[2]
end

-- What was tried when the process was killed may have been sent.
local function add_unanswered(self)
  self.certain = #self.stream
  for _, number in ipairs(self.order) do
    if self.open[number] then
      self.stream[#self.stream + 1] = self.open[number]
      self.sent_on[#self.stream] = self.tried_on[number] or false
    end
  end
end

-- A process may be killed before it reports what it has raised.
local function check_reported(self)
  local events = self.history.events
  for word, raised in pairs(self.raised) do
    for _, event in ipairs(raised) do
      if event ~= events[#events] then
        self.complain("l", event, "the error '" .. word .. "' was not reported")
      end
    end
  end
end

-- It may have joined, and ended before it was told so.
local function count_unborn(self)
  if not self.life and (self.asked or self.wanted or self.wanted == nil and not self.has_left) then
    self.unborn = self.unborn + 1
  end
end

-- Answers a table with the group's name, its address, its lives, how many more there may have been of which it was not
-- told (`unborn`), the stream of what it has sent as digests, how many of these are certain, how many rings it had been
-- told of when it sent each, what was refused, and what it had for members when all was settled.
function lives.of(history, complain)
  local self = {
    history = history, lives = {}, stream = {}, refused = {}, open = {}, tried_on = {}, order = {}, raised = {},
    tried = {}, came = {}, early = {}, -- by digest: its sends, its own deliveries, and one that comes before its send
    announces = announces_any(history.events),
    unborn = 0,
    ahead = nil, -- the position of the first that was sent since it is no member
    again = false, -- whether it has asked to join while it is a member
    asked = false, -- to join, since it is no member, and was not told yet that it is one
    wanted = nil, -- whether it is to be a member, where that is known
    rings = 0, -- how many it has been told of
    sent_in = {}, sent_on = {}, -- by position in the stream: how many it had been told of then, and the last of them
    strangers = {}, -- who has left for 'procdown', and was not known to be a member
    just_ended = {}, ended = {}, -- by address: whether it has for 'procdown' by the last word; and while rings met
    complain = function(rule, event, text) complain(rule, text, history, event.line) end,
  }
  for _, event in ipairs(history.events) do
    if on[event[1]] then
      on[event[1]](self, event)
    end
  end
  check_reported(self)
  add_unanswered(self)
  count_unborn(self)
  return self
end

return lives
