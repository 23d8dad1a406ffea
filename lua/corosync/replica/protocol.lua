-- A replicated state machine over totally ordered messages: a pure state machine itself, without input, output or
-- clock. Its functions are called for each event, in the order of the group. They append to `out` the *effects* that
-- the caller must carry out, in order:
--
--   { "send", message }                to all members
--   { "reply", ids, results, nil, index } the results of commands that follow each other in the log, from `index` on;
--                                      an id is false if its command has had its reply
--   { "reply", ids, nil, code, nil, cause } or why there are none; `cause`: that of "uncertain" (commands.lua), or nil
--   { "rejoin" }                       leave the group and join it again
--   { "note", kind, text }             note for all processes of the node, before any later message is sent, that this
--                                      one holds ("held") or has promised ("promised") a generation. The notes last
--                                      until the node restarts; another one of "held" lasts until Corosync ends
--   { "store", ... }, { "sync", ... }  keep this on disk: see storing.lua
--
-- The state is behind `machine`: apply(list, index, is_own) applies commands, the first one at `index`, and returns a
-- table of their results; snapshot() returns a value that restore(value) takes; reset() makes the initial state.
-- `hash(digest, batch)` returns a number that depends on all commands so far. Members with equal digests are assumed to
-- have equal commands, so equal digests of different commands must be very unlikely. A batch is the commands that a
-- member sends in one message: they are appended, acknowledged, stored and applied together.
--
-- Terms. A *generation* is an agreement of the members on the state to continue from, and lasts until the next
-- agreement. A *full* member has the generation's state and all its commands. A *learner* receives the state. A member
-- *follows* when it has the state and receives all commands, but is not full. An *observer* learns and follows, and
-- never becomes full. A member is *blocked* from a change of nodes until the next generation. *Members* are processes;
-- a node can have several. The *index* of a command is its place in the order of all commands.
--
-- Where to read on: messages.lua lists the messages. A member passes through claiming.lua (with claims.lua for the
-- decision), beginning.lua, and then commands.lua and confirming.lua if it is full, or learning.lua if it is not.
-- generation.lua and log.lua hold what these files work on.
--
-- Fields that the files of protocol/ share:
--   members     the addresses of the group's members, as last reported; `ring`: its ring, as last reported
--   view        the last view (see `view_change`); nil after a change, until the next view
--   status      "blocked", "learning", "ready" (full) or "observing" (an observer that follows)
--   active      the generation that it takes part in (generation.lua), or nil
--   last_tag    of the generation that it last took part in; `last_epoch`: the epoch then
--   log         the commands that are not applied yet, and what it must know of earlier ones (log.lua); nil without a
--               state
--   generation  the number of the state that it has (generation_number.lua), or nil
--   partial     whether it may lack commands of that generation
--   nodes       the number of nodes that this state was confirmed with
--   standing    whether it speaks for its node (standing.lua)
--   awaiting    while it waits for a snapshot: the nonce of its claim, the events since then (`queue`), and whether the
--               snapshot `will_come`, because others take part in a generation
--   replaying   while it replays the events that came after its snapshot was cut: the nonce, and the events
--   following   while it follows, and is no observer: the nonce of its "learned" messages, and since when
--   client      the id under which the log has this member's commands (commands.lua)
--   ack_due     whether it must send an acknowledgement at the next flush; `own_ack_due`: whether it must acknowledge
--               its own commands, which can wait (confirming.lua)
--   unreported_since  since when the view has another ring than the one that the group last reported
local claiming = require "corosync.replica.protocol.claiming"
local clock = require "corosync.replica.protocol.clock"
local commands = require "corosync.replica.protocol.commands"
local confirming = require "corosync.replica.protocol.confirming"
local learning = require "corosync.replica.protocol.learning"
local messages = require "corosync.replica.protocol.messages"
local standing = require "corosync.replica.protocol.standing"
local storing = require "corosync.replica.protocol.storing"

local protocol = {}

protocol.stored_before = storing.before -- the kinds of messages before which all effects must be durable

local PATIENCE = 5 -- seconds
local REPLAYED_AT_ONCE = 200 -- events and commands at each flush; a turn of the loop has several flushes

local Protocol = {}
Protocol.__index = Protocol

-- `now`: the time (see `time`); `observer`: it never becomes full; `durable`: it has storage; `stored`: the contents of
-- its storage, if any; `copies`: how many nodes must have a command before it is confirmed, if fewer than a majority
-- (then a minority alone may go on, so nodes that are cut off must be fenced); `reconnect`: within how many seconds a
-- process reconnects when its Corosync is back. `replayed_at_once`: for tests.
function protocol.new(options)
  local self = setmetatable({
    address = options.address,
    incarnation = options.incarnation,
    machine = options.machine,
    hash = options.hash,
    observer = options.observer,
    copies = options.copies,
    patience = options.patience or PATIENCE,
    reconnect = options.reconnect or 0,
    durable = options.durable or false,
    replayed_at_once = options.replayed_at_once or REPLAYED_AT_ONCE,
    stored_meta = {},
    mark = { index = 0 }, -- see storing.lua
    learner_pause = options.patience or PATIENCE, -- how long a learner waits before it claims again
    now = options.now,
    nonce = 0,
    members = {},
    standing = true,
    partial = false,
    out = {},
  }, Protocol)
  commands.init(self)
  claiming.block(self)
  if options.stored then
    storing.restore(self, options.stored)
  end
  return self
end

-- Returns what storage must keep of the present moment, besides a snapshot of the machine.
function Protocol:stored_base()
  return storing.base(self)
end

function Protocol:emit(...)
  self.out[#self.out + 1] = { ... }
end

function Protocol:send(message)
  storing.before_send(self, message.kind)
  self:emit("send", message)
end

function Protocol:restart()
  claiming.restart(self)
end

function Protocol:replay(event)
  messages.replay(self, event)
end

-- ---- events ----

-- The group's members have changed. `breaks`: nodes have come or gone, or this member has just joined. A new view
-- follows. Until then this member must not claim, because a process of its node may have noted a generation and gone.
function Protocol:config_change(members, left, breaks)
  confirming.confirm(self)
  self.members, self.view = members, nil
  claiming.update_heard(self)
  if breaks then
    claiming.block(self)
  elseif self.replaying then
    learning.keep_for_replay(self, { left = left })
  elseif self.active then
    messages.leave(self, left)
  else
    -- The claims so far were made for another list of members. A snapshot that a donor sends is still good.
    if self.awaiting then
      learning.keep(self, { left = left })
    end
    claiming.void(self)
    if self.status == "blocked" then
      self.claimed_at = nil
    end
  end
end

function Protocol:ring_change(ring)
  confirming.confirm(self)
  if not claiming.same_ring(self.ring, ring) then
    self.ring, self.view, self.unreported_since = ring, nil, nil
    self.learner_pause = self.patience
    claiming.block(self)
  end
end

-- Members, ring and quorum agree, and the ring is quorate. Fields of the view: `nodes`: the number in the nodelist;
-- `on_ring` and `floor`: see claims.lua; `noted`: the newest generation that a process of the node has held since the
-- node started, if any; `promised`: the same of the promised ones. The group may not have reported this ring to a
-- process that was paused, and may never do so; then the process must join again.
function Protocol:view_change(view)
  confirming.confirm(self)
  self.view = view
  standing.on_note(self, view.noted)
  self.unreported_since = not claiming.same_ring(view.ring, self.ring) and self.now or nil
  if claiming.may_claim(self) and self.status == "blocked" then
    claiming.claim(self)
  else
    confirming.announce_nodes(self)
  end
end

-- The nodelist has changed, on the same ring.
function Protocol:nodes_changed(nodes)
  if self.view then
    self.view.nodes = nodes
    confirming.announce_nodes(self)
  end
end

function Protocol:message(from, message)
  messages.receive(self, from, message)
end

-- To be called when the waiting events have been processed, or commands submitted. Sends one acknowledgement of all
-- commands that have arrived, and this member's new commands. While `replaying` is set, it must be called again soon.
function Protocol:flush()
  if self.replaying then
    learning.replay_some(self)
  end
  if not self.replaying then
    confirming.acknowledge(self)
    commands.send_new(self)
  end
end

function Protocol:has_confirmed()
  return confirming.has_confirmed(self)
end

-- Applies the confirmed commands. To be called after `flush`, so that the others need not wait for it.
function Protocol:apply()
  confirming.confirm(self)
end

-- Time has passed. `now` is in seconds, by any clock that does not go back. To be called several times a second.
function Protocol:time(now)
  clock.time(self, now)
end

-- A part of a snapshot for this member has arrived, or was stored or restored, so it need not claim again yet.
function Protocol:progress(now)
  clock.progress(self, now)
end

-- This member's state differs from the others', so it drops the state, joins again and learns. As it leaves the group
-- first, the others go on without it. For them it is as if the process had ended. Not to be called while a command is
-- applied.
function Protocol:forget()
  self:emit "rejoin"
  claiming.block(self)
  self.view, self.generation, self.log, self.partial = nil, nil, nil, false
  self.machine.reset()
  storing.replaced(self)
  commands.begin_as_new_client(self, "differed")
end

-- Submits a command of this member, for the next flush. A reply with this id follows. `size`: in bytes. May be called
-- while a command is applied.
function Protocol:submit(id, data, size)
  commands.submit(self, id, data, size)
end

-- Returns how many of this member's commands wait, including those whose callers were told that they are uncertain.
function Protocol:waiting()
  return self.waiting_count
end

-- Gives up waiting for commands: a reply is "not_ready" if the command was never sent, else "uncertain". `ids`: a set.
function Protocol:give_up(ids)
  commands.give_up(self, ids)
end

return protocol
