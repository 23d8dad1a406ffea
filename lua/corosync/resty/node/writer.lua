-- Brings a member's events into the node's log. All members of a node have the same events in the same order, so each
-- can tell by numbers which of its events the log has already, whoever appended them.
local log = require "corosync.resty.node.log"
local pending = require "corosync.resty.node.pending"
local state = require "corosync.resty.node.state"
local store = require "corosync.resty.node.store"

local LARGEST = 65536 -- bytes of messages in a batch, unless one message is longer
local MOST = 500 -- events in a batch
local LATE = 0.2 -- seconds

local Writer = {}
Writer.__index = Writer

-- ---- the log as others write it ----

-- The number of this member's join, if the batch has it.
local function find_own_join(batch, own)
  local events, number = batch.events, batch.number
  for place = #events - 3, 1, -4 do
    local kind, joined = events[place], events[place + 2]
    for i = 1, kind == "change" and #joined or 0, 3 do
      if joined[i] == own.node and joined[i + 1] == own.pid then
        return number
      end
    end
    number = number - (state.COUNTED[kind] and 1 or 0)
  end
end

local function synchronize(self, batch)
  local number = find_own_join(batch, self.own)
  if number then
    self.pending:renumber(number)
    self.number, self.is_synchronized = self.number + number, true
  end
end

-- The values of the last counted event of a batch.
local function last_counted(events)
  for place = #events - 3, 1, -4 do
    if state.COUNTED[events[place]] then
      return events[place], events[place + 1], events[place + 2], events[place + 3]
    end
  end
end

-- Whether the batch ends with what this member has received under that number.
local function agrees(self, batch)
  local mine = self.pending:find(batch.number)
  local kind, node, pid, message = last_counted(batch.events)
  return not mine or not kind or mine.kind == kind
    and (kind ~= "message" or mine.a == node and mine.b == pid and mine.c == message)
end

local function follow_batch(self, batch)
  self.state = store.decode(batch.state)
  if not self.is_synchronized then
    synchronize(self, batch)
  end
  local is_right = not self.is_synchronized or agrees(self, batch)
  if self.is_synchronized then
    self.pending:drop(batch.number)
  end
  return is_right
end

-- The batches that this member has missed are gone.
local function skip(self)
  self.index = self.log:last()
  local batch = self.log:read(self.index)
  self.state = batch and store.decode(batch.state) or state.new()
end

-- Reads the log to its end. False when this member can no longer tell which of its events the log has.
function Writer:follow()
  local is_right = true
  repeat
    local batch, why = self.log:read(self.index + 1)
    if batch then
      self.index = self.index + 1
      is_right = follow_batch(self, batch) and is_right
    elseif why then
      skip(self)
      is_right = false
    end
  until not batch
  return is_right
end

-- ---- appending ----

-- The next batch, and how many pending events it takes; the member's state becomes the state after it.
local function make_batch(self)
  local events, n, bytes, count = {}, 0, 0, 0
  for event in self.pending:each() do
    if n >= 4 * MOST or bytes >= LARGEST then
      break
    end
    count = count + 1
    if not state.is_known(self.state, event.kind, event.a, event.b, event.c) then
      state.apply(self.state, event.kind, event.a, event.b, event.c)
      events[n + 1], events[n + 2], events[n + 3], events[n + 4] = event.kind, event.a, event.b, event.c
      n = n + 4
      bytes = bytes + (event.kind == "message" and #event.c or 0)
    end
  end
  return { number = self.state.number, state = store.encode(self.state), events = events }, count
end

-- True, or nil and "exists", or nil and why there is no room.
local function add(self, batch)
  local ok, why = self.log:append(self.index + 1, batch)
  if ok then
    self.index = self.index + 1
  end
  return ok, why
end

-- The log has no room for a batch: the workers are told that they have missed something, and begin anew.
local function lose_batch(self, why)
  ngx.log(ngx.ERR, "corosync: ", why)
  self.index = self.log:skip(self.index + 1)
end

-- Appends all pending events. False when another member has appended other events.
function Writer:append()
  local is_right, some = true, false
  while self.pending:peek() and is_right do
    local batch, count = make_batch(self)
    local ok, why = true, nil
    if batch.events[1] then
      ok, why = add(self, batch)
    end
    if why == "exists" then
      is_right = self:follow()
    else
      self.pending:pop(count)
      some = true
    end
    if not ok and why ~= "exists" then
      lose_batch(self, why)
    end
  end
  if some then
    self.workers:ring(self.bell, "handlers")
  end
  return is_right
end

-- Appends one event that no other member has, at once.
function Writer:note(kind, a, b, c)
  local ok, why
  repeat
    self:follow()
    if state.is_known(self.state, kind, a, b, c) then
      return
    end
    state.apply(self.state, kind, a, b, c)
    ok, why = add(self, { number = self.state.number, state = store.encode(self.state),
      events = { kind, a or false, b or false, c or false } })
  until why ~= "exists"
  if not ok then
    lose_batch(self, why)
  end
  self.workers:ring(self.bell, "handlers")
end

-- ---- a member's events ----

-- Before the member joins: its events are not counted like the log's yet.
function Writer:reset()
  self.pending, self.number, self.own, self.is_synchronized = pending.new(), 0, nil, false
  skip(self)
end

-- The member has joined; the log, if others write it, will say so.
function Writer:joined(own)
  self.own = own
end

-- The log begins anew, because no other member can continue it.
function Writer:begin(members, reason)
  self.pending, self.number, self.is_synchronized = pending.new(), self.state.number, true
  if self.state.up then
    self:push("down", reason)
  end
  self:push("start", members, self.own.node)
end

function Writer:push(kind, a, b, c)
  local is_counted = state.COUNTED[kind]
  self.number = self.number + (is_counted and 1 or 0)
  if not is_counted or not self.is_synchronized or self.number > self.state.number then
    self.pending:push(self.number + (is_counted and 0 or 0.5), kind, a, b, c)
  end
end

-- Whether events wait that the holder should have appended.
function Writer:is_late()
  local oldest = self.is_synchronized and self.pending:peek()
  return oldest and ngx.now() - oldest.at > LATE
end

-- Whether enough events wait for a batch.
function Writer:is_full()
  return self.pending:count() >= MOST or self.pending.bytes >= LARGEST
end

-- `bell`: of this worker, from which others are rung.
local function new(of, workers, bell)
  local self = setmetatable({ log = log.new(of), workers = workers, bell = bell }, Writer)
  self:reset()
  return self
end

return { new = new }
