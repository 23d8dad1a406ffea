-- A worker that is a member of the group for its node. There are two: the holder appends the group's events to the
-- node's log, and sends the messages of all workers; the stand-by keeps the events that are not in the log yet. Both
-- receive the same events in one order, in which the holder's leave is one, too. At this event the stand-by becomes the
-- holder, and begins by appending what it has kept. The holder is the member that has joined first.
--
-- The stand-by also appends events that have waited too long, so that a holder whose worker is busy delays nobody.
local KEY = require "corosync.private"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local group_events = require "corosync.resty.node.group_events"
local presence = require "corosync.resty.node.presence"
local reload = require "corosync.resty.reload"
local roles = require "corosync.resty.node.roles"
local successors = require "corosync.resty.node.successors"
local waiting = require "corosync.resty.waiting"

local TICK = 0.001 -- seconds: nginx's shortest sleep
local REST = 0.01 -- seconds that a stand-by waits for more events
local MANY = 20 -- messages at once; after so many in the last tick the holder waits for more

local now = core.now

local Member = {}
Member.__index = Member

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
    roles.rejoin(self)
  elseif self.leave_by and self.record.wanted and self:retire() then
    self.record.wanted = false -- its light thread leaves
  end
end

-- If there were only a few messages, no more are waiting, and they are appended at once.
function Member:messages_received(run, count)
  if self.is_member then
    self.writer:push("messages", run, count)
    self.recent = self.recent + count
    if self.is_holder and (count <= MANY or self.writer:is_full()) then
      self:after_events()
    end
  end
end

-- None of its functions is the script's, so none needs a light thread of its own, or ends this one.
function Member.start_spawned() end

function Member:interrupted()
  roles.rejoin(self)
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
  self.group = self.new_group(self.name, group_events.handlers(self, self.options), {
    open = function(own) return group_events.open(self, own) end,
    open_quorum = function(own) return group_events.open_quorum(self, own) end,
    may_leave = function() return self:retire() end,
  })
  self.record = self.group[KEY]
  self.record.member, self.record.run_bytes = self, self.writer.log.largest
  return self
end

return { new = new }
