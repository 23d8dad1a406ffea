-- Replays the history of a member: its sessions, each from a join to its end, which consist of configurations, each
-- with its members, its ring and the messages delivered in it. The rules see each event before it takes effect.
local changes = require "corosync.checker.change"
local list = require "corosync.list"

local member = {}
member.__index = member

-- ---- sessions and configurations ----

-- `change` is nil for a configuration that only has another ring. One that follows the loss of a node has another key
-- than one that follows a leave.
local function add_configuration(session, ring, line, change)
  local members = changes.sorted(session.members)
  local is_nodedown = change and change.is_nodedown
  local configuration = { members = members, present = list.set(session.members), ring = ring, deliveries = {},
    line = line, key = ("%s@%s%s"):format(members, ring or "no ring", is_nodedown and " (a node lost)" or ""),
    by_nodes = not change or is_nodedown or change.is_nodeup }
  if change then
    configuration.left, configuration.joined = change.left_for, change.joined_for
  end
  table.insert(session.configurations, configuration)
  session.configuration = configuration
end

-- A handler of another group may send before the handlers of this one are notified of the join.
local function begin_session(self, address)
  local session = { history = self.history, address = address, configurations = {},
    first = self.first_ahead or #self.sent + 1 }
  table.insert(self.sessions, session)
  self.session, self.address, self.has_left, self.first_ahead, self.asked = session, address, false, nil, false
  self.asked_again = false
end

-- The next session may begin on another ring.
local function end_session(self)
  self.session, self.ring = nil, nil
end

-- Corosync orders a leave after all that was sent before it.
local function leave(self, reason)
  if reason == "leave" then
    self.session.expects = #self.sent
  end
  self.has_left = reason == "leave"
  self.session.has_left = self.has_left
  end_session(self)
end

-- Corosync reports a process that ends while rings merge between the change of nodes and their ring, or just before
-- that change. Some members may not have known it as a member, or may see it as one afterwards.
local function note_ended(self, change)
  if change.is_nodedown or change.is_nodeup then
    for address in pairs(self.just_ended) do
      self.ended_in_merge[address] = true
    end
  end
  self.just_ended = {}
  for _, address in ipairs(change.left) do
    if change.left_for[address] == "procdown" then
      self.just_ended[address] = true
      self.ended_in_merge[address] = self.ended_in_merge[address] or self.awaits_ring or nil
      if not self.session.configuration.present[address] then
        table.insert(self.unknown_left, { address = address, line = change.line })
      end
    end
  end
end

-- ---- events ----

local on = {}

function on.group(self, event)
  self.group = event[2]
end

function on.config(self, event)
  local change = changes.of(event)
  local is_foreign = change.own ~= (self.address or change.own)
  self.notify("on_change", self, change, is_foreign)
  if is_foreign or not self.session and not change.is_own_join then
    return
  elseif change.is_own_join then
    begin_session(self, change.own)
  else
    note_ended(self, change)
  end
  local session = self.session
  session.members = change.members
  add_configuration(session, session.configuration and session.configuration.ring or self.ring, event.line,
    change)
  self.awaits_ring = self.awaits_ring or change.is_nodedown or change.is_nodeup
  if change.left_for[change.own] then
    leave(self, change.left_for[change.own])
  end
end

function on.ring(self, event)
  local ring = event[2]
  if ring == self.ring then
    return
  end
  self.notify("on_ring", self, event)
  self.ring, self.rings, self.awaits_ring, self.just_ended = ring, self.rings + 1, false, {}
  if self.session then
    add_configuration(self.session, ring, event.line)
  end
end

function on.message(self, event)
  self.notify("on_message", self, event)
  if not self.session then
    return
  end
  local sender, digest = event[2], event[3]
  self.awaits_ring = self.awaits_ring and self.rings == 0
  if sender == self.address then
    self.echoes[digest] = (self.echoes[digest] or 0) + 1
  end
  local deliveries = self.session.configuration.deliveries
  deliveries[#deliveries + 1] = { sender = sender, digest = digest, line = event.line, rings = self.rings }
end

function on.send(self, event)
  local number, digest = event[2], event[3]
  self.notify("on_send", self, event)
  self.open[number], self.tried_on[number] = digest, self.ring
  self.order[#self.order + 1] = number
  self.tries[digest] = (self.tries[digest] or 0) + 1
end

-- The order of sends is that in which they returned: one that waits is overtaken by those of handlers.
function on.answer(self, event)
  local digest = self.open[event[2]]
  self.open[event[2]] = nil
  if event[3] ~= "true" then
    self.refused[digest] = true
    return
  end
  self.notify("on_accepted", self, event, digest)
  local position = #self.sent + 1
  self.sent[position], self.sent_in[position], self.sent_on[position] = digest, self.rings, self.ring or false
  self.sent_at[position] = event.line
  if not self.session then
    self.first_ahead = self.first_ahead or position
  end
end

function on.lost(self)
  self.awaits_ring, self.first_ahead, self.asked = false, nil, false
  if not self.session then
    self.untold_sessions = self.untold_sessions + 1
  end
  end_session(self)
end

function on.quiet(self, event)
  self.notify("on_quiet", self, event)
  if self.session then
    self.session.expects = #self.sent
  end
end

function on.activate(self)
  self.wanted, self.asked, self.asked_again = true, not self.session, self.session ~= nil
end

function on.deactivate(self)
  self.wanted = false
end

-- A member that has left, or was never to join, need not be there.
function on.settled(self, event)
  local wanted, session = self.wanted, self.session
  self.settled_at = event.line
  if wanted ~= false and session then
    self.settled, self.settled_on = session.configuration.members, session.configuration.ring
  elseif wanted or wanted == nil and self.address and not self.has_left then
    self.settled = ""
  end
end

for _, word in ipairs { "raise", "error", "usage" } do
  on[word] = function(self, event) self.notify("on_" .. word, self, event) end
end

for _, word in ipairs { "unique", "holds", "released" } do
  on[word] = function(self, event)
    self.claims = self.claims + 1
    self.notify("on_" .. word, self, event)
  end
end

-- An operation that has not ended may have been applied.
local function begin_operation(self, event)
  local operation = { member = self, is_read = event[1] == "query", began = tonumber(event[3]), object = event[4],
    key = event[5], call = event[6], line = event.line, ended = math.huge, outcome = "unknown" }
  self.open_operations[event[2]] = operation
  table.insert(self.operations, operation)
end

on.invoke, on.query = begin_operation, begin_operation

local function end_operation(self, event)
  local operation = self.open_operations[event[2]]
  self.open_operations[event[2]] = nil
  operation.outcome = event[1]
  return operation
end

function on.ok(self, event)
  local operation = end_operation(self, event)
  operation.ended, operation.end_line = tonumber(event[3]), event.line
  operation.index, operation.result = event[4]:match "^0*(%d+)$", event[5]
end

on.failed, on.unknown = end_operation, end_operation

-- ---- the end ----

-- A process that was killed may have made the sends that had not returned.
local function add_open_sends(self)
  self.certain = #self.sent
  for _, number in ipairs(self.order) do
    if self.open[number] then
      self.sent[#self.sent + 1] = self.open[number]
      self.sent_on[#self.sent] = self.tried_on[number] or false
    end
  end
end

-- It may have joined, and ended before it was notified.
local function count_untold(self)
  if not self.session and (self.asked or self.wanted or self.wanted == nil and not self.has_left) then
    self.untold_sessions = self.untold_sessions + 1
  end
end

local function new(history, notify)
  return {
    history = history, notify = notify, sessions = {}, group = "",
    -- Digests in the order in which their sends returned true; by position the number of rings before, the last ring,
    -- and the line. `certain` ones, then sends that never returned. `first_ahead`: the first since the last session.
    sent = {}, sent_in = {}, sent_on = {}, sent_at = {}, certain = 0, first_ahead = nil,
    refused = {}, open = {}, order = {}, tried_on = {}, -- by digest; then by number: sends that have not returned
    tries = {}, echoes = {}, -- by digest: how often it was sent, and delivered to its sender
    operations = {}, open_operations = {}, -- in the order of their begin; by number: those that have not ended
    claims = 0, -- the notes of the script's own invariants
    untold_sessions = 0, -- that may have been, and of which it was not notified
    wanted = nil, -- whether it is to be a member, as far as is known
    asked = false, asked_again = false, -- whether it asked to join: since the last session; while it is a member
    rings = 0, awaits_ring = false, -- how many it was told; whether nodes changed since the last one
    unknown_left = {}, -- processes that ended and were not known as members
    just_ended = {}, ended_in_merge = {}, -- by address: processes that ended in the last change; while rings merged
  }
end

--- Returns the member whose history it is. `notify` is called with the name of a hook of the rules, the member, and the
-- hook's other arguments.
function member.replay(history, notify)
  local self = new(history, notify)
  for _, event in ipairs(history.events) do
    local replayed = on[event[1]]
    if replayed then -- locks, times and quorum have no part in the rules
      replayed(self, event)
    end
  end
  notify("on_end", self)
  add_open_sends(self)
  count_untold(self)
  return self
end

return member
