-- Brings a member's events into the node's log. All members of a node have the same events in the same order, so each
-- can tell by numbers which of its events the log has already, whoever appended them.
local log = require "corosync.resty.node.log"
local pace = require "corosync.resty.node.pace"
local pending = require "corosync.resty.node.pending"
local run = require "corosync.resty.node.run"
local state = require "corosync.resty.node.state"
local store = require "corosync.resty.node.store"

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
    number = number - state.count(kind, joined)
  end
end

local function synchronize(self, batch)
  local number = find_own_join(batch, self.own)
  if number then
    self.pending:renumber(number)
    self.number, self.is_synchronized = self.number + number, true
  end
end

-- The last counted event of a batch, as Pending.find returns it.
local function last_counted(events)
  for place = #events - 3, 1, -4 do
    local kind, a, b = events[place], events[place + 1], events[place + 2]
    if state.count(kind, b) > 0 then
      return kind, kind == "messages" and run.at(a, b) or nil
    end
  end
end

-- Whether the batch ends with what this member has received under that number.
local function agrees(self, batch)
  local own_kind, own_message = self.pending:find(batch.number)
  local kind, message = last_counted(batch.events)
  return not own_kind or not kind or own_kind == kind and own_message == message
end

local function follow_batch(self, batch)
  self.state = store.decode(batch.state)
  if self.own and not self.is_synchronized then
    synchronize(self, batch)
  end
  local is_right = not self.is_synchronized or agrees(self, batch)
  if self.is_synchronized then
    self.pending:drop(batch.number)
  end
  return is_right
end

-- The batches that this member has missed are gone. If it has counted its events like the log's, the last batch shows
-- which of them the log has.
local function skip(self)
  self.index = self.log:last()
  local batch = self.log:read(self.index)
  if batch and self.is_synchronized then
    return follow_batch(self, batch)
  end
  self.state = batch and store.decode(batch.state) or self.state or state.new()
  return self.is_synchronized
end

-- Reads the log to its end. Returns false if this member can no longer tell which of its events the log has.
function Writer:follow()
  local is_right = true
  repeat
    local batch, why = self.log:read(self.index + 1)
    if batch then
      self.index = self.index + 1
      is_right = follow_batch(self, batch) and is_right
    elseif why then
      is_right = skip(self) and is_right
    end
  until not batch
  return is_right
end

-- ---- appending ----

-- The next batch, and how many pending events it takes; the member's state becomes the state after it.
local function make_batch(self)
  local events, n, bytes, count = {}, 0, 0, 0
  for event in self.pending:each() do
    if bytes >= self.log.largest then
      break
    end
    count = count + 1
    if not state.is_known(self.state, event.kind, event.a, event.b, event.c) then
      state.apply(self.state, event.kind, event.a, event.b, event.c)
      events[n + 1], events[n + 2], events[n + 3], events[n + 4] = event.kind, event.a, event.b, event.c
      n = n + 4
      bytes = bytes + (event.kind == "messages" and #event.a or 0)
    end
  end
  return { number = self.state.number, state = store.encode(self.state), events = events }, count
end

-- Returns true, or nil and "exists", or nil and why there is no room.
local function add(self, batch)
  local ok, why = self.log:append(self.index + 1, batch)
  if ok then
    self.index = self.index + 1
  end
  return ok, why
end

-- The log has no room for a batch, so workers miss it. Marks the gap, and appends the state with which they begin
-- again.
local function lose_batch(self, why)
  ngx.log(ngx.ERR, "corosync: ", why)
  self.index = self.log:skip(self.index + 1)
  add(self, { number = self.state.number, state = store.encode(self.state), events = {} })
end

-- Appends all pending events, unless it must wait for the workers. Returns false if another member has appended other
-- events.
function Writer:append()
  local is_right, some = true, false
  while self.pending:peek() and is_right and not self.pace:must_wait(self.log.position, self.log:room()) do
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
  self.pending, self.number, self.own, self.is_synchronized, self.state = pending.new(), 0, nil, false, nil
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

-- Messages may be known to the log in part.
function Writer:push(kind, a, b, c)
  local count = state.count(kind, b)
  self.number = self.number + count
  if count == 0 then
    self.pending:push(self.number + 0.5, kind, a, b, c)
  elseif not self.is_synchronized or self.number > self.state.number then
    self.pending:push(self.number, kind, a, b, c)
    if self.is_synchronized then
      self.pending:drop(self.state.number)
    end
  end
end

-- Whether events wait that the holder should have appended.
function Writer:is_late()
  local oldest = self.is_synchronized and self.pending:peek()
  return oldest and ngx.now() - oldest.at > LATE
end

-- Whether enough events wait for a batch.
function Writer:is_full()
  return self.pending.bytes >= self.log.largest
end

-- `bell`: of this worker, from which others are rung.
local function new(of, workers, bell)
  local self = setmetatable({ log = log.new(of), workers = workers, bell = bell, pace = pace.new(of, workers) }, Writer)
  self:reset()
  return self
end

return { new = new }
