-- Takes a history apart: into lives, each from a join to its end, which are made of states, each with one membership
-- and one ring. What is wrong with a history by itself is found here.
local list = require "corosync.list"

local lives = {}

local set_of = list.set

local REASONS = {
  left = { leave = true, nodedown = true, procdown = true },
  joined = { join = true, nodeup = true },
}

local function split(text)
  local found = {}
  if text ~= "-" then
    for item in text:gmatch "[^,]+" do
      found[#found + 1] = item
    end
  end
  return found
end

local function split_reasons(text)
  local addresses, reasons = {}, {}
  for _, item in ipairs(split(text)) do
    local address, reason = item:match "^(.-)=(.*)$"
    addresses[#addresses + 1], reasons[#reasons + 1] = address, reason
  end
  return addresses, reasons
end

local function sorted(addresses)
  local copy = list.copy(addresses)
  table.sort(copy)
  return table.concat(copy, ",")
end

-- `by_nodes`: whether nodes have gone or come.
local function add_state(life, members, ring, by_nodes)
  local state = { members = members, ring = ring, key = members .. "@" .. tostring(ring), deliveries = {},
    by_nodes = by_nodes }
  life.states[#life.states + 1] = state
  life.state = state
end

local function begin_life(self, own)
  local life = { history = self.history, address = own, states = {}, sent = {}, first = #self.stream + 1 }
  self.lives[#self.lives + 1] = life
  self.life, self.history.address = life, own
  return life
end

local function end_life(self)
  self.life = nil
end

local function check_reasons(self, event, what, addresses, reasons)
  for i, reason in ipairs(reasons) do
    if not REASONS[what][reason] then
      self.complain("e", event, ("%s is in %s for the reason '%s'"):format(addresses[i], what, reason))
    end
  end
end

-- Members are those before, less who left, and who joined.
local function check_members(self, event, before, left, joined)
  local expected, gone = {}, set_of(left)
  for _, address in ipairs(before) do
    if not gone[address] then
      expected[#expected + 1] = address
    end
  end
  local present = set_of(expected)
  for _, address in ipairs(joined) do
    if present[address] then
      self.complain("e", event, address .. " joined, and had been there")
    else
      expected[#expected + 1] = address
    end
  end
  if sorted(expected) ~= sorted(split(event[3])) then
    self.complain("e", event, ("the members are %s, and those before make %s"):format(event[3], sorted(expected)))
  end
end

-- A process that ends while rings meet: Corosync tells of its leaving also where it has not told of it before.
local function check_left(self, event, before, left, reasons)
  local known = set_of(before)
  for i, address in ipairs(left) do
    if not known[address] and reasons[i] == "procdown" then
      self.exempt "unknown member left"
    elseif not known[address] then
      self.complain("e", event, address .. " left, and had not been there")
    end
  end
end

local on = {}

function on.config(self, event)
  local own, members = event[2], split(event[3])
  local left, left_reasons = split_reasons(event[4])
  local joined, joined_reasons = split_reasons(event[5])
  local life = self.life
  check_reasons(self, event, "left", left, left_reasons)
  check_reasons(self, event, "joined", joined, joined_reasons)
  if life then
    check_left(self, event, life.members, left, left_reasons)
    check_members(self, event, life.members, left, joined)
  elseif set_of(joined)[own] then
    life = begin_life(self, own)
  else
    self.complain("i", event, "a configuration before the own join")
    return
  end
  life.members = members
  local by_nodes = event[4]:find "=nodedown" or event[5]:find "=nodeup"
  add_state(life, sorted(members), life.state and life.state.ring or self.ring, by_nodes ~= nil)
  if set_of(left)[own] then
    end_life(self)
  end
end

function on.ring(self, event)
  self.ring, self.rings = event[2], self.rings + 1
  if self.life then
    add_state(self.life, self.life.state.members, event[2], true)
  end
end

function on.message(self, event)
  if not self.life then
    self.complain("i", event, "a message from " .. event[2] .. " while it was no member")
    return
  end
  local deliveries = self.life.state.deliveries
  deliveries[#deliveries + 1] = { sender = event[2], digest = event[3], line = event.line, rings = self.rings }
end

function on.send(self, event)
  self.open[event[2]] = event[3]
  self.order[#self.order + 1] = event[2]
end

-- The order of sends is that in which they were answered: one that waits is overtaken by those of handlers.
function on.answer(self, event)
  local digest = self.open[event[2]]
  self.open[event[2]] = nil
  if event[3] == "true" then
    self.stream[#self.stream + 1] = digest
    self.sent_in[#self.stream] = self.rings
    if self.life then
      self.life.last = #self.stream
    end
  else
    self.refused[digest] = true
  end
end

function on.lost(self)
  end_life(self)
end

function on.quiet(self)
  if self.life then
    self.life.quiet = #self.stream
  end
end

function on.settled(self)
  self.settled = self.life and self.life.state.members or "no members, being none itself"
end

function on.raise(self, event)
  self.raised[event[2]], self.announces = event, true
end

function on.error(self, event)
  local word = event[2]:match "raised ([%w_]+)"
  if word and self.raised[word] then
    self.raised[word] = nil
  elseif self.announces then
    self.complain("l", event, "an error that nobody raised, or reported twice: " .. event[2])
  end
end

function on.usage(self, event)
  local descriptors, kilobytes = tonumber(event[2]), tonumber(event[3])
  local first = self.usage
  if not first then
    self.usage = { descriptors, kilobytes }
  elseif descriptors > first[1] then
    self.complain("l", event, ("%d descriptors are open, and %d were"):format(descriptors, first[1]))
  elseif kilobytes > 2 * first[2] + 2000 then
    self.complain("l", event, ("%d kB of memory are used, and %d were"):format(kilobytes, first[2]))
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
    end
  end
end

-- Answers a table with the group's name, its address, its lives, the stream of what it has sent as digests, how many of
-- these are certain, how many rings it had been told of when it sent each, what was refused, and what it had for
-- members when all was settled.
function lives.of(history, complain, exempt)
  local self = {
    history = history, lives = {}, stream = {}, refused = {}, open = {}, order = {}, raised = {},
    rings = 0, sent_in = {}, -- how many rings it has been told of; and had been, by position in the stream
    exempt = exempt,
    complain = function(rule, event, text) complain(rule, text, history, event.line) end,
  }
  for _, event in ipairs(history.events) do
    if on[event[1]] then
      on[event[1]](self, event)
    end
  end
  for word, event in pairs(self.raised) do
    self.complain("l", event, "the error '" .. word .. "' was not reported")
  end
  add_unanswered(self)
  self.address = history.address
  return self
end

return lives
