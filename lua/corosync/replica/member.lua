-- One member of a replica: connects the protocol with the group, the clock, the callers and the script's functions.
--
-- Besides those that `new` sets, a member has these fields, by the file that sets them:
--   events       protocol, address (its own, as text): from its first join on
--                members, present (a set of texts), ring: as the group last reported them
--                view: the last one that the protocol got; unread_view: a later one, which could not be passed on yet
--                reason: why there is no view
--                stored_index: of the last stored command, while the state is the stored one
--   messages     refusal: why another member cannot send it the state
--   clock        unreported_seq: of the last ring that the group did not report
--   turns        turn_began; seen_members, seen_tag, seen_epoch: at the last parts.maintain; has_ended: after the close
--   running      runner: the coroutine, or "main", that runs what may call the script's functions; while another script
--                is loaded, a value that equals neither
--   submitting   has_new: commands wait for the end of the loop's turn
--   effects      is_rejoining: it must leave and join again; stores_more: a base is being written
--   membership   gives_up: it must leave for good. is_closed: it has been told to leave (`close` below)
--   persistence  keeper; stored: until the protocol has it; note_prefixes, unkept_note: of the node's notes
--                storage_problem, outage: while storage or a note fails, for which it has left the group
--                returned: when it last came back; returns_at: when it may, return_wait seconds after a failure
-- and these that other folders set:
--   in_loop, resty/replica    loop, timer; defers: commands are sent at the end of the loop's turn; wait, spawn: how
--                             callers wait and functions run in nginx; nudge: wakes the light thread there, which
--                             calls start_spawned; leave_by: when an exiting worker leaves in any case
--   replica, leader, parts    objects (machines by name), calls, has_functions; leaders; parts
--   handover                  handover: while another script is loaded, what it registers, and the earlier one had
local KEY = require "corosync.private"
local callers = require "corosync.replica.member.callers"
local clock = require "corosync.replica.member.clock"
local core = require "corosync.binding"
local divergence = require "corosync.replica.machines.divergence"
local effects = require "corosync.replica.member.effects"
local errors = require "corosync.errors"
local events = require "corosync.replica.member.events"
local handlers = require "corosync.group.handlers"
local machines = require "corosync.replica.machines"
local membership = require "corosync.replica.member.membership"
local messages = require "corosync.replica.member.messages"
local outbox = require "corosync.replica.member.outbox"
local persistence = require "corosync.replica.member.persistence"
local running = require "corosync.replica.member.running"
local status = require "corosync.replica.member.status"
local submitting = require "corosync.replica.member.submitting"
local transfers = require "corosync.replica.member.transfers"
local turns = require "corosync.replica.member.turns"
local wire = require "corosync.replica.member.wire"

local SUFFIX = ".replica" -- of the group's name, so that a plain group can have the replica's name

local member = { SUFFIX = SUFFIX, TICK = clock.TICK }

-- The methods, for files outside of member/; those in member/ call each other's functions.
local Member = {
  now = core.now,
  dispatch = turns.dispatch,
  fd = turns.fd,
  handle_until = turns.handle_until,
  interrupted = turns.interrupted,
  after_events = turns.after_events,
  open_storage = persistence.open_storage,
  runs_in = running.runs_in,
  state = status.state,
  step = turns.step,
  submit = submitting.submit,
  tick = turns.tick,
  timeout = turns.timeout,
  turn = turns.turn,
}
Member.__index = Member

-- ---- the group and its members ----

function Member:has_joined()
  return self.protocol ~= nil and self.record.state == "joined"
end

-- Whether a member is in the group and has not been excluded as silent. `address`: text, "node:pid".
function Member:is_present(address)
  local nonce = self.protocol.active and self.protocol.active.learners[address]
  return self.present[address] == true and not (nonce and nonce:find("^excluded%.") ~= nil)
end

-- Whether this member has a state, which may be that of an earlier generation.
function Member:has_state()
  return not self.options.observer and self.protocol ~= nil and self.protocol.log ~= nil
end

-- Whether a process of this node has the state of the present generation, and confirms commands.
function Member:is_full(pid)
  local active = self.protocol.active
  return active ~= nil and active.full[self.address:match "^(.*:)" .. pid] ~= nil
end

-- Returns a text that identifies this process, even if a later one has the same address: "node:pid#incarnation". Nil
-- before it has joined.
function Member:session()
  return self.protocol and ("%s#%s"):format(self.address, self.protocol.incarnation)
end

-- Sends a call of a function, or its reply, to all members. Returns false if it is too long.
function Member:multicast(message)
  local bytes = wire.encode(message)
  if #bytes > self.largest then
    return false
  end
  outbox.put_call(self, bytes)
  outbox.pump(self)
  return true
end

-- ---- problems ----

function Member:report(message)
  handlers.report(self.record, message)
end

-- Each state that cannot be sent is reported once.
function Member:report_unsendable(problem)
  if self.unsendable ~= problem then
    self.unsendable = problem
    self:report(("members that join replica %s cannot get the state: %s"):format(errors.quote(self.name), problem))
  end
end

-- ---- the end ----

-- Gives up a member that could not be started, so that another one can open its storage.
function Member:abandon()
  self.is_closed = true
  if self.keeper then
    self.keeper:close()
  end
end

-- Leaves for good. Callers get their failures at once or, if a function of the script calls this, when that function
-- has returned.
function Member:close()
  if self.is_closed then
    return true
  end
  local ok, message, code = self.group:deactivate()
  if not ok then
    return nil, message, code
  end
  self.is_closed, self.record.is_paused = true, false
  if not self.runner and not self.nudge then
    turns.settle(self)
  end
  return true
end

-- ---- the beginning ----

local function group_handlers(self)
  return {
    pack = true,
    config_change = function(...) events.config_change(self, ...) end,
    message_received = function(address, bytes) messages.received(self, address, bytes) end,
    ring_change = function(ring) events.ring_change(self, ring) end,
    view_change = function(view) events.view_change(self, view) end,
    disconnected = function() events.disconnected(self) end,
    error = self.options.error,
  }
end

local function group_hooks(self)
  local hooks = {}
  function hooks.dispatch(_, budget)
    return self:dispatch(budget)
  end
  function hooks.flush(record) -- at the end of a loop's turn
    if self.has_new and not self.runner then
      running.run(self, effects.drain)
    end
    return record.handle and record.handle:flush()
  end
  return hooks
end

local function machine_hooks(self)
  return {
    unsendable = function(problem) self:report_unsendable(problem) end,
    applied = function(machine, ...)
      if machine.methods.changed then
        handlers.call(self.record, machine.methods.changed, machine.state, ...)
      end
    end,
    restored = function(machine)
      if machine.methods.restored then
        handlers.call(self.record, machine.methods.restored, machine.state)
      end
    end,
    overfull = function(machine)
      self:report(("replica %s is closed: it keeps too many commands for machine %s, which this script lacks. Run a "
        .. "script that defines it"):format(errors.quote(self.name), errors.quote(machine.name)))
      membership.give_up(self)
    end,
    damaged = function(what, machine, problem)
      membership.give_up_for(self, ("machine %s: cannot %s"):format(errors.quote(machine.name), what), problem)
    end,
  }
end

-- `options`: with all defaults. `new_group(name, handlers, hooks)` makes the group, which need not be active yet.
function member.new(name, options, new_group)
  local self = setmetatable({
    name = name,
    options = options,
    early = {}, -- commands that the protocol does not know yet, see submitting.lua
    strangers = {}, -- by address: members of the group that were reported as no members of the replica
    ended = {}, -- by address: members that have left or died since parts.maintain was last called
    neighbours = {}, -- by address: processes of this node that were reported
    next_tick = 0,
    was_serving = false, -- what the script was told last
    times_ready = 0, -- how often `ready` was due: tells two suspensions apart
    largest = 67108864 - 4096, -- bytes: of a packed message, less the protocol's fields
    note_key = persistence.note_key(name),
    note_prefixes = {},
  }, Member)
  self.machines = machines.new(machine_hooks(self))
  self.divergence = divergence.new(self.machines)
  self.writer = wire.writer(function(...) outbox.put(self, ...) end) -- encodes messages to the group
  self.outgoing = transfers.outgoing(function(message) return self.writer:add(message) end,
    function(problem) self:report_unsendable(problem) end)
  self.incoming = transfers.incoming(self.machines)
  self.outbox = outbox.new()
  local message, code
  self.group, message, code = new_group(name .. SUFFIX, group_handlers(self), group_hooks(self))
  if not self.group then
    return nil, message, code
  end
  self.record = self.group[KEY]
  self.callers = callers.new(name, self.record, function() return status.why_unconfirmed(self) end)
  return self
end

return member
