-- A worker that is a member of the group for its node. There are two: the holder appends the group's events to the
-- node's log, and sends the messages of all workers; the stand-by keeps the events that are not in the log yet. Both
-- receive the same events in one order, in which the holder's leave is one, too. At this event the stand-by becomes the
-- holder, and begins by appending what it has kept. The holder is the member that has joined first.
--
-- The stand-by also appends events that have waited too long, so that a holder whose worker is busy delays nobody.
local KEY = require "corosync.private"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local list = require "corosync.list"
local presence = require "corosync.resty.node.presence"
local reload = require "corosync.resty.reload"
local store = require "corosync.resty.node.store"
local successors = require "corosync.resty.node.successors"
local waiting = require "corosync.resty.waiting"
local Group = require("corosync.group").Group

local GAP = "the workers that received for this node have ended, and no other was ready to continue"
local TICK = 0.001 -- seconds: nginx's shortest sleep
local REST = 0.01 -- seconds that a stand-by waits for more events
local MANY = 20 -- messages at once; after so many in the last tick the holder waits for more

local now = core.now

local Member = {}
Member.__index = Member

local function flatten(addresses, with_reason)
  local flat = {}
  for _, each in ipairs(addresses) do
    flat[#flat + 1], flat[#flat + 2] = each.node, each.pid
    flat[#flat + 1] = with_reason and each.reason or nil
  end
  return flat
end

-- ---- roles ----

-- The pids of this nginx's other members.
local function others(self, members, own)
  local pids = {}
  for _, each in ipairs(members) do
    if each.node == own.node and each.pid ~= own.pid and presence.get(self.store, each.pid) then
      pids[each.pid] = true
    end
  end
  return pids
end

-- Leaves, and joins again: it cannot tell which of its events the log has.
local function rejoin(self)
  ngx.log(ngx.WARN, "corosync: group ", self.name, ": this worker's events differ from the node's: it joins again")
  self.is_member, self.is_holder = false, false
  Group.deactivate(self.record.object)
end

local function hold(self, members)
  local is_right = self.writer:follow() and self.writer.is_synchronized
  self.is_holder = true
  if not is_right then
    self.writer:begin(flatten(members), GAP)
  end
  self.store.dict:safe_set(self.holder_key, self.messages.bell:name())
  for kind, values in pairs(self.facts) do
    self.writer:push(kind, values[1], values[2], values[3])
  end
  self.workers:ring(self.messages.bell, "messages")
end

local function joined(self, members, own)
  self.is_member = true
  self.writer:joined(own)
  self.elders = others(self, members, own) -- those that have joined before
  if not next(self.elders) then
    hold(self, members)
  end
end

local function changed(self, members, left, new)
  self.writer:push("change", flatten(left, true), flatten(new, true))
  for _, each in ipairs(left) do
    if each.node == self.writer.own.node then
      self.elders[each.pid] = nil
    end
  end
  if not self.is_holder and not next(self.elders) then
    hold(self, members)
  end
end

local function left_group(self, members, own)
  if self.is_holder and not next(others(self, members, own)) then
    self.writer:note("down", false)
  end
  self.is_member, self.is_holder = false, false
  presence.clear(self.store, own.pid)
end

-- ---- the group's handlers ----

local function config_change(self, members, left, new)
  local own = self.record.address
  if list.set(left)[own] then
    left_group(self, members, own)
  elseif list.set(new)[own] then
    joined(self, members, own)
  elseif self.is_member then
    changed(self, members, left, new)
  end
end

-- If there were only a few messages, no more are waiting, and they are appended at once.
local function messages_received(self, run, count)
  if self.is_member then
    self.writer:push("messages", run, count)
    self.recent = self.recent + count
    if self.is_holder and (count <= MANY or self.writer:is_full()) then
      self:after_events()
    end
  end
end

-- What each member is told by itself: kept for the time when it is the holder.
local function note_fact(self, kind, ...)
  self.facts[kind] = { ... }
  if self.is_member and self.is_holder then
    self.writer:push(kind, ...)
  end
end

-- Whether another worker that can become the holder has a connection.
local function has_partner(self)
  for _, pid in ipairs(self.seat:others(self.store)) do
    if presence.get(self.store, pid) then
      return true
    end
  end
  return false
end

local function disconnected(self, reason)
  if self.is_holder then
    self.writer:append()
  end
  self.is_member, self.is_holder, self.facts = false, false, {}
  presence.clear(self.store, ngx.worker.pid())
  if self.leave_by then
    return
  elseif not has_partner(self) then
    self.writer:note("down", reason)
    self.messages:refuse_all(reason)
  end
  if not self.record.wanted then
    self.record.hooks.activate(self.record) -- it has overflowed
  end
end

local function handlers(self, options)
  local own = {
    config_change = function(...) config_change(self, ...) end,
    ring_change = function(ring, nodes) note_fact(self, "ring", ring.node, ring.seq, nodes) end,
    view_change = function() end, -- without it there is no connection to quorum
    disconnected = function(reason) disconnected(self, reason) end,
  }
  for name, value in pairs(options) do
    own[name] = value
  end
  return own
end

-- ---- its connections ----

local hooks = {}

function hooks.open(self, own)
  local handle, message, code = core.cpg.open(own)
  if not handle then
    return nil, message, code
  end
  local ok, problem = presence.set(self.store, ngx.worker.pid(), reload.CONFIGURATION)
  if not ok then
    handle:close()
    return store.failure("join", self.group, #reload.CONFIGURATION, problem)
  end
  self.is_member, self.is_holder = false, false
  function own.messages_received(...) messages_received(self, ...) end -- not one of the handle's handlers
  self.writer:reset()
  return handle
end

function hooks.open_quorum(self, own)
  local quorum_change = own.quorum_change
  function own.quorum_change(quorate, members, ring)
    local known = quorate
    if known == nil then
      known = "unknown"
    end
    note_fact(self, "quorum", known, ring.node, ring.seq)
    quorum_change(quorate, members, ring)
  end
  return core.quorum.open(own)
end

-- ---- what its light thread calls, see resty/thread.lua ----

-- Waits for more events after a wake-up, because a wake-up costs much more than an event. A stand-by has time; a holder
-- waits only while many events arrive.
local function rest(self)
  if not self.is_holder then
    ngx.sleep(REST)
  elseif self.recent > MANY and now() < self.woken_at + TICK then
    ngx.sleep(TICK)
  end
  self.recent, self.woken_at, self.has_rested = 0, now(), true
end

-- Events that cannot be appended yet stay in Corosync.
function Member:step()
  if self.is_member and self.writer:is_full() then
    ngx.sleep(TICK)
    return true
  elseif self.is_member and not self.has_rested and not self.leave_by then
    rest(self)
  end
  local some = dispatch.step(self.record)
  self.has_rested = some
  return some
end

-- Returns false if this member's events are not the log's.
local function bring_in(self)
  if self.is_holder or self.writer:is_late() then
    return self.writer:append()
  end
  return self.writer:follow()
end

function Member:after_events()
  if self.is_member and not bring_in(self) then
    rejoin(self)
  elseif self.leave_by and self.record.wanted and self:retire() then
    self.record.wanted = false -- its light thread leaves
  end
end

-- None of its functions is the script's, so none needs a light thread of its own, or ends this one.
function Member.start_spawned() end

function Member:interrupted()
  rejoin(self)
end

-- ---- for the worker ----

-- Sends for any worker; waits. Returns true, or nil, message, code.
function Member:send(message, guarantee, timeout)
  self.group.timeout = timeout
  return self.group:send_message(message, guarantee)
end

-- As `send`, without waiting.
function Member:send_now(message, guarantee)
  return self.record.handle:send(message, guarantee)
end

function Member:can_send()
  return self.is_holder and self.record.state == "joined"
end

-- Workers have come or gone, or time has passed: its light thread may have something to do.
function Member:wake()
  if not self.is_holder or self.leave_by then
    waiting.nudge(self.record)
  end
end

-- From now on it leaves as soon as it may; returns whether it may.
function Member:retire()
  if not self.leave_by then
    self.leave_by = now() + successors.PATIENCE
    presence.set(self.store, ngx.worker.pid(), presence.LEAVES)
    self.seat:free()
    if self.is_member then
      self.writer:note "vacancy"
    end
  end
  return now() >= self.leave_by or successors.are_ready(self)
end

-- Whether it has no reason to leave.
function Member:remains()
  return self.leave_by == nil
end

-- The worker wants the group again. Returns false if it is too late: the member leaves.
function Member:stay(free_seat)
  if not self.record.wanted then
    return false
  end
  self.leave_by, self.seat = nil, free_seat
  presence.set(self.store, ngx.worker.pid(), reload.CONFIGURATION)
  return true
end

function Member:has_ended()
  return self.leave_by ~= nil and self.record.state == "idle" and not self.record.wanted
end

-- Returns true, or nil, message, code.
function Member:start()
  return self.record.hooks.activate(self.record)
end

-- `given`: name, options (of handlers), seat, store, workers, messages, writer, holder_key; new_group(name, handlers,
-- hooks) of corosync.resty.
local function new(given)
  local self = setmetatable(given, Member)
  self.facts, self.elders, self.recent, self.woken_at = {}, {}, 0, 0
  self.group = self.new_group(self.name, handlers(self, self.options), {
    open = function(own) return hooks.open(self, own) end,
    open_quorum = function(own) return hooks.open_quorum(self, own) end,
    may_leave = function() return self:retire() end,
  })
  self.record = self.group[KEY]
  self.record.member, self.record.run_bytes = self, self.writer.log.largest
  return self
end

return { new = new }
