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
-- never becomes full. A member is *blocked* from a change of nodes until the next generation.
--
-- Fields that the other files of this folder use:
--   status      "blocked", "learning", "ready" (full) or "observing" (an observer that follows)
--   active      the generation that it takes part in (generation.lua), or nil
--   generation  { start, seq, round, epoch } of the state that it has, or nil (claims.lua)
--   partial     whether it may lack commands of that generation
--   nodes       the number of nodes that this state was confirmed with
--   standing    whether it speaks for its node (standing.lua)
--   cut         while it waits for a snapshot: the nonce of its claim, the events since then, and `is_taught`: whether
--               others take part in a generation, so that a snapshot will come
--   replaying   while it replays the events that came after its snapshot was cut: the nonce, and the events
--   following   while it follows, and is no observer: the nonce of its "learned" messages, and since when
local claiming = require "corosync.replica.protocol.claiming"
local commands = require "corosync.replica.protocol.commands"
local confirming = require "corosync.replica.protocol.confirming"
local learning = require "corosync.replica.protocol.learning"
local standing = require "corosync.replica.protocol.standing"
local storing = require "corosync.replica.protocol.storing"

local protocol = {}

protocol.stored_before = storing.before -- the kinds of messages before which all effects must be durable

local PATIENCE = 5 -- seconds
local REPEAT = 1 -- seconds
local REPLAYED_AT_ONCE = 200 -- events and commands at each flush; a turn of the loop has several flushes

local Protocol = {}
Protocol.__index = Protocol

-- `observer`: it never becomes full; `durable`: it has storage; `stored`: the contents of its storage, if any;
-- `copies`: how many nodes must have a command before it is confirmed, if fewer than a majority (then a minority alone
-- may go on, so nodes that are cut off must be fenced). `replayed_at_once`: for tests.
function protocol.new(options)
  local self = setmetatable({
    address = options.address,
    incarnation = options.incarnation,
    machine = options.machine,
    hash = options.hash,
    observer = options.observer,
    copies = options.copies,
    patience = options.patience or PATIENCE,
    durable = options.durable or false,
    replayed_at_once = options.replayed_at_once or REPLAYED_AT_ONCE,
    stored_meta = {},
    mark = { index = 0 }, -- see storing.lua
    lesson_pause = options.patience or PATIENCE, -- how long a learner waits before it claims again
    now = 0,
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

-- ---- events of a generation ----

local handlers = {
  commands = confirming.on_commands,
  ack = confirming.on_ack,
  exclude = learning.on_exclude,
  learned = learning.on_learned,
  promote = learning.on_promote,
  nodes = confirming.on_nodes,
}

function handlers.restart(self)
  claiming.restart(self)
end

local function leave(self, left)
  local has_changed = false
  for _, address in ipairs(left) do
    has_changed = self.active:drop(address) or has_changed
  end
  if next(self.active.full) == nil then
    claiming.restart(self)
  elseif has_changed then
    confirming.epoch_changed(self)
  end
end

-- Processes a message while this member takes part in a generation.
local function process(self, from, message)
  local handler = handlers[message.kind]
  if handler and message.tag == self.active.tag then
    handler(self, from, message)
  elseif message.kind == "claim" then
    claiming.on_claim(self, from, message)
  elseif message.kind == "ack" then
    self.active:note_absence(from, self.now)
  end
end

-- Processes a message while this member takes part in no generation.
local function process_outside(self, from, message)
  standing.on_message(self, from, message)
  if self.cut and not (message.kind == "claim" and from == self.address) then
    learning.keep(self, { from = from, message = message })
  end
  if message.kind == "claim" then
    claiming.on_claim(self, from, message)
  elseif message.kind == "restart" then
    claiming.on_restart(self)
  elseif message.kind == "ack" then
    claiming.on_ack(self, from, message)
  end
end

-- Confirmed commands are applied when `apply` is called, and before any event is processed other than these messages.
local MAY_WAIT = { ack = true, commands = true }

local function apply_before(self, kind)
  if not MAY_WAIT[kind] then
    confirming.confirm(self)
  end
end

-- Processes an event after a snapshot that was cut before it.
function Protocol:replay(event)
  apply_before(self, event.message and event.message.kind)
  if event.left then
    leave(self, event.left)
  else
    process(self, event.from, event.message)
  end
end

-- ---- events ----

-- The group's members have changed. `breaks`: nodes have come or gone, or this member has just joined.
function Protocol:config(members, left, breaks)
  confirming.confirm(self)
  self.members = members
  claiming.listen(self)
  if breaks then
    claiming.block(self)
    self.view = nil
  elseif self.replaying then
    learning.keep_for_replay(self, { left = left })
  elseif self.active then
    leave(self, left)
  else
    -- The claims so far were made for another list of members. A snapshot that a donor sends is still good.
    if self.cut then
      learning.keep(self, { left = left })
    end
    claiming.void(self)
    self.view = nil
    if self.status == "blocked" then
      self.claimed_at = nil
    end
  end
end

function Protocol:ring_change(ring)
  confirming.confirm(self)
  if not claiming.same_ring(self.ring, ring) then
    self.ring, self.view, self.untold_since = ring, nil, nil
    self.lesson_pause = self.patience
    claiming.block(self)
  end
end

-- Members, ring and quorum agree, and the ring is quorate. Fields of the view: `nodes`: the number in the nodelist;
-- `floor`: see claims.lua; `noted`: the newest generation that a process of the node has held since the node started,
-- if any; `promised`: the same of the promised ones. The group may not have reported this ring to a process that was
-- paused, and may never do so; then the process must join again.
function Protocol:settled(view)
  confirming.confirm(self)
  self.view = view
  standing.on_note(self, view.noted)
  self.untold_since = not claiming.same_ring(view.ring, self.ring) and self.now or nil
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
  local kind = message.kind
  apply_before(self, kind)
  if not self.ring then
    return
  elseif kind == "ready" then
    claiming.on_ready(self, from, message)
  elseif kind == "snapshot" then
    learning.on_snapshot(self, from, message)
  elseif self.replaying then
    learning.keep_for_replay(self, { from = from, message = message })
  elseif self.active then
    process(self, from, message)
  else
    process_outside(self, from, message)
  end
  local active = self.active
  if active then
    self.last_tag, self.last_epoch = active.tag, active.epoch
  end
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

-- A learner that follows repeats that it has learned, in case the message was lost; if nobody makes it full, it claims
-- again.
local function follow_on(self)
  local following = self.following
  if self.now - following.since > self.lesson_pause then
    claiming.lengthen_pause(self)
    claiming.restart(self)
  elseif self.now - following.said_at > REPEAT then
    learning.say(self)
  end
end

-- Nobody waits for an observer, so it must find out itself that the others have begun another generation.
local function observe_on(self)
  if self.active:is_unknown_to_some(self.now) then
    claiming.restart(self)
  end
end

-- The clock may begin anywhere: earlier events count as if they happened at the first time.
local function begin_clock(self, now)
  self.now, self.has_clock = now, true
  self.changed_at = now
  for address in pairs(self.heard) do
    self.heard[address] = now
  end
  self.claimed_at, self.untold_since = self.claimed_at and now, self.untold_since and now
  if self.following then
    self.following.since, self.following.said_at = now, now
  end
  for address in pairs(self.active and self.active.absent or {}) do
    self.active.absent[address] = now
  end
end

-- Time has passed. `now` is in seconds, by any clock that does not go back. To be called several times a second.
function Protocol:time(now)
  confirming.confirm(self)
  if not self.has_clock then
    begin_clock(self, now)
  end
  self.now = math.max(now, self.now)
  if self.untold_since and self.now - self.untold_since > self.patience then
    self.untold_since = nil
    self:emit "rejoin"
  end
  if self.replaying then -- it does not know yet what the others have done
    return
  elseif confirming.is_full(self) then
    confirming.look_after(self)
  elseif self.following then
    follow_on(self)
  elseif not self.active then
    claiming.time(self)
  else
    observe_on(self)
  end
end

-- A part of a snapshot for this member has arrived, or was stored or restored, so it need not claim again yet.
function Protocol:progress(now)
  self.now = math.max(now or self.now, self.now)
  if self.cut then
    self.claimed_at = self.now
  elseif self.following then
    self.following.since = self.now
  end
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
