-- A group of which a node is a member once, for all its nginx workers: two workers are members, and all read the events
-- in a log in shared memory.
local KEY = require "corosync.private"
local arguments = require "corosync.group.arguments"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local handle = require "corosync.resty.node.handle"
local member = require "corosync.resty.node.member"
local messages = require "corosync.resty.node.messages"
local pace = require "corosync.resty.node.pace"
local seat = require "corosync.resty.node.seat"
local store = require "corosync.resty.node.store"
local log = require "corosync.resty.node.log"
local supervisor = require "corosync.resty.supervisor"
local waiting = require "corosync.resty.waiting"
local workers = require "corosync.resty.node.workers"
local writer = require "corosync.resty.node.writer"

local MEMBERS_OPTIONS = { "daemon_user", "pack", "reader", "split", "window" }

local Node = {}
Node.__index = Node

-- ---- this worker as a member ----

local function new_member(self, free)
  self.member = member.new {
    name = self.group.name, options = self.options, seat = free, store = self.store, workers = self.workers,
    messages = self.messages, holder_key = self.holder_key, new_group = self.new_group,
    writer = writer.new(self.store, self.workers, self.messages.bell),
  }
  self.messages.member = self.member
  local ok, message = self.member:start()
  if not ok then
    ngx.log(ngx.ERR, "corosync: ", message)
  end
end

-- A process can be in a group only once. So a member that has yet to leave stays, or the next one waits for its end.
local function become_member(self)
  if self.member and self.member:has_ended() then
    self.member = nil
  end
  local may_join = self.is_active and not (self.member and self.member:remains())
  local free = may_join and seat.take(self.store)
  if not free then
    return
  elseif not self.member then
    new_member(self, free)
  elseif not self.member:stay(free) then
    free:free()
  end
end

-- ---- what corosync.group calls ----

-- Every attempt pauses as briefly as the first one: unlike a connection to Corosync, it costs little.
function Node:open()
  self.backoff.tries = 0
  self.handle = nil
  local opened, message, code = handle.open({
    log = log.new(self.store), bell = self.bell, pace = pace.new(self.store, self.workers),
    send_message = function(...) return self.messages:send(...) end, -- not always the same object
    on_vacancy = function() become_member(self) end,
  }, self.group)
  self.handle = opened
  return opened, message, code
end

function Node:open_quorum(own)
  return self.handle:open_quorum(own)
end

-- ---- while the worker wants the group ----

-- Reuses the objects of an earlier activation, whose member may not have left yet.
local function make_bells(self)
  local message, code
  if not self.bell then
    self.bell, message, code = core.bell()
  end
  if self.bell and (not self.messages or self.messages:has_ended()) then
    local bell
    bell, message, code = core.bell()
    self.messages = bell and messages.new { group = self.group, store = self.store, bell = bell,
      directory = self.directory, holder_key = self.holder_key }
  end
  return self.messages and true, message, code
end

local supervised = {}

-- Once a second: a worker that has ended may have left a seat, and two that begin at once may have taken one place.
function supervised.ensure(self)
  self.workers:keep(self.bell, self.messages.bell)
  become_member(self)
  if self.member then
    self.member:wake()
  end
end

function supervised.leave_at_exit() end

-- The first worker is the first member: so members that follow have greater pids, and other nodes see one address of
-- this node, not one after another.
local function begin(self)
  local ok, message = self.workers:add(self.bell, self.messages.bell)
  if not ok then
    return store.failure("join", self.group, #self.group.name, message)
  end
  ok, message = self.messages:start()
  if ok then
    ok, message = supervisor.add(self, supervised)
  end
  if not ok then
    return errors.failure("start the light thread of", self.group, message, "no_resources")
  end
  self.is_active = true
  if ngx.worker.id() == 0 then
    become_member(self)
  end
  return true
end

-- Returns true, or nil, message, code.
function Node:start()
  if self.is_active then
    return true
  end
  self.workers = self.workers or workers.new(self.store, function() waiting.nudge(self.group[KEY]) end)
  local ok, message, code = make_bells(self)
  if not ok then
    return nil, message, code
  end
  return begin(self)
end

-- The worker does not want the group any more. Returns true.
function Node:stop()
  if self.is_active then
    self.is_active = false
    supervisor.remove(self)
    self.workers:remove()
    if self.member then
      self.member:retire()
    end
    self.workers:ring(self.messages.bell, "messages") -- a member that is leaving checks whether it is needed
    self.messages:stop()
  end
  return true
end

-- The worker ends now. `end_now(record)` leaves and closes a group.
function Node:leave(end_now)
  if self.messages and self.messages.member then
    end_now(self.messages.member.record)
  end
end

-- `given`: group, directory, backoff (of its record), new_group(name, handlers, hooks) of corosync.resty. Returns the
-- object, or nil, message, code.
local function new(given, handlers_or_class)
  local why, code = store.problem()
  if why then
    return errors.failure("join", given.group, why, code)
  end
  local self = setmetatable(given, Node)
  self.store = store.new(self.group.name)
  self.holder_key = self.store:key "holder"
  self.options = {}
  for _, name in ipairs(MEMBERS_OPTIONS) do
    self.options[name] = arguments.option(handlers_or_class, name)
  end
  return self
end

return { new = new }
