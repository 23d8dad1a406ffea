-- One member of a replica: connects the protocol with the group, the clock, the callers and the script's functions.
local KEY = require "corosync.private"
local callers = require "corosync.replica.member.callers"
local claims = require "corosync.replica.protocol.claims"
local clock = require "corosync.replica.member.clock"
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local divergence = require "corosync.replica.machines.divergence"
local effects = require "corosync.replica.member.effects"
local errors = require "corosync.errors"
local events = require "corosync.replica.member.events"
local handlers = require "corosync.group.handlers"
local keeper = require "corosync.replica.member.keeper"
local machines = require "corosync.replica.machines"
local membership = require "corosync.replica.member.membership"
local notes = require "corosync.replica.member.notes"
local outbox = require "corosync.replica.member.outbox"
local parts = require "corosync.replica.parts"
local pollfd = require "corosync.group.pollfd"
local recording = require "corosync.replica.recording"
local script_calls = require "corosync.script_calls"
local transfers = require "corosync.replica.member.transfers"
local wire = require "corosync.replica.member.wire"

local TURN = 0.005 -- seconds that a turn of the loop takes chunks of a snapshot
local SUFFIX = ".replica" -- of the group's name, so that a plain group of the replica's name can exist beside it

local now = core.now

local member = { SUFFIX = SUFFIX, TICK = clock.TICK }

local Member = { now = now }
Member.__index = Member

-- ---- running the script's functions ----

local function finish(self, ok, ...)
  self.runner = nil
  if not ok then
    error((...), 0)
  end
  return ...
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

function Member:has_joined()
  return self.protocol ~= nil and self.record.state == "joined"
end

-- Everything that may call the script's functions runs in here. Commands that these submit are sent when they have
-- returned.
local function run(self, f, ...)
  self.runner = coroutine.running() or "main"
  return finish(self, script_calls.pcall(f, self, ...))
end

-- Whether a coroutine is calling the script's functions.
function Member:runs_in(routine)
  return self.runner ~= nil and self.runner == routine
end

-- ---- status, `ready` and `suspended` ----

local function call(self, name, ...)
  local handler = self.options[name]
  if handler then
    handlers.call(self.record, handler, ...)
  end
end

-- Whether Corosync is away. (In nginx the group is idle then.)
local function is_away(self)
  local record = self.record
  return record.state == "reconnecting" or record.lost ~= nil and record.state == "idle"
end

function Member:report(message)
  handlers.report(self.record, message)
end

local SERVING = { ready = true, observing = true }

-- After a start with storage, the state is older than when the last process ended, until the commands since then are
-- confirmed again.
local function is_behind_storage(self)
  local log = self.protocol.log
  return self.stored_index ~= nil and log ~= nil and log.applied < self.stored_index
end

-- "blocked", "learning", "ready", or "observing"; and why it is not ready.
function Member:state()
  local protocol_state = self.protocol
  if self.is_closed then
    return "blocked", "it is closed"
  elseif self.storage_problem then
    return "blocked", self.storage_problem
  elseif is_away(self) then
    return "blocked", "Corosync on this node is away"
  elseif not protocol_state or self.record.state ~= "joined" then
    return "blocked", "it has not joined its group yet"
  elseif SERVING[protocol_state.status] and not protocol_state.active:has_enough() then
    return "blocked", "fewer nodes than a majority have the state"
  elseif SERVING[protocol_state.status] and is_behind_storage(self) then
    return "learning", "the commands that it has stored must be confirmed again"
  elseif SERVING[protocol_state.status] then
    return protocol_state.status
  elseif protocol_state.status == "learning" then
    return "learning", "it is getting the state from another member"
  end
  return "blocked", protocol_state.reason or self.reason or "the members are agreeing on the state to go on from"
end

-- Calls `ready` or `suspended` if the status has changed. Returns whether it has.
function Member:tell_status()
  local status, why = self:state()
  local is_serving = SERVING[status] or false
  if is_serving == self.was_serving then
    return false
  end
  self.was_serving = is_serving
  if is_serving then
    call(self, "ready")
  else
    call(self, "suspended", why)
  end
  return true
end

-- Whether a member is in the group and has not been excluded as silent. `address`: "node:pid".
function Member:is_present(address)
  local nonce = self.protocol.active and self.protocol.active.learners[address]
  return self.present[address] == true and not (nonce and nonce:find("^excluded%.") ~= nil)
end

-- This process in the group, different for each start of a process: "node:pid#incarnation". Nil before it has joined.
function Member:session()
  return self.protocol and ("%s#%s"):format(self.address, self.protocol.incarnation)
end

-- Tells the ready-made objects about members that have come or gone. Returns whether any have.
local function look(self)
  local active = self.was_serving and self.protocol.active
  local has_changed = active and (self.members ~= self.seen_members or active.tag ~= self.seen_tag
    or active.epoch ~= self.seen_epoch)
  if has_changed then
    self.seen_members, self.seen_tag, self.seen_epoch = self.members, active.tag, active.epoch
    parts.look(self)
    self.ended = {}
  end
  return has_changed
end

-- Ends the callers of a closed replica.
local function end_callers(self)
  effects.drain(self)
  parts.left(self, "closed")
  for _, command in ipairs(self.early) do
    self.callers:reply(command.id, nil, "closed")
  end
  if self.protocol then
    effects.give_up(self, self.callers:all())
  end
  self.outgoing:cancel_all()
  if self.calls then
    self.calls:lost("the replica was closed", "closed")
  end
  if self.keeper then
    self.keeper:close()
  end
  self.timer = self.timer and self.timer.close() or nil
  self.has_ended = true
end

-- After events were handled, or time has passed.
local function settle(self)
  effects.drain(self)
  local was_told = self:tell_status()
  if look(self) or was_told then
    effects.drain(self)
  end
  if self.is_closed then
    end_callers(self)
  elseif self.is_rejoining then
    membership.rejoin(self)
  end
end

-- ---- time ----

local function tick(self)
  clock.tick(self)
  settle(self)
end

-- Called a few times a second by a loop's clock.
function Member:tick()
  if not self.runner and not self.is_closed then
    run(self, tick)
  end
end

-- Calls a function that may call the script's functions.
function Member:turn(f)
  run(self, function()
    settle(self)
    f(self)
    settle(self)
  end)
end

-- Called when no more events wait, and now and then before.
local function look_around(self)
  if now() >= self.next_tick and not self.is_closed then
    tick(self)
  else
    settle(self)
  end
end

-- ---- commands ----

-- Commands that are uncertain must be kept, so they count, too.
local function is_full(self)
  local window = self.options.window
  return self.callers.count >= window or self.protocol ~= nil and self.protocol:waiting() >= window
end

-- The commands that were submitted while there was no protocol, or a new script was loaded.
function Member:submit_early()
  local early = self.early
  self.early = {}
  for _, command in ipairs(early) do
    self.protocol:submit(command.id, command.data, #command.data)
  end
end

-- To be called as a whole: a command that only its caller knows would be lost.
local start = script_calls.whole(function(self, what, data, tell)
  local id = self.callers:add(what, tell, now() + self.options.timeout, recording.begin(self.record, self.name, data))
  if self.protocol and not self.handover then -- else it is sent once the new script has been loaded
    self.protocol:submit(id, data, #data)
  else
    table.insert(self.early, { id = id, data = data })
  end
end)

-- Sends a command; `tell(result, message, code)` is called later. `is_own`: the ready-made objects' own command, as to
-- keep a lock. These are few, and a script that always fills the window must not hold them up. Returns true, or nil,
-- message, code.
function Member:submit(what, data, tell, is_own)
  if self.is_closed then
    return self.callers:failure(what, "closed")
  elseif machines.is_applying then
    return self.callers:failure(what, "dispatching", "apply must not submit: it may use only the state and the command")
  elseif is_away(self) then
    return self.callers:failure(what, "not_connected")
  elseif not is_own and is_full(self) then
    return self.callers:failure(what, "full", ("%d commands of this member wait for their results: submit this one "
      .. "later"):format(self.options.window))
  elseif #data > self.largest then
    return self.callers:failure(what, "too_big", ("the command has %d bytes, and at most %d can be sent"):format(#data,
      self.largest))
  end
  start(self, what, data, tell)
  if self.nudge then
    self.nudge()
  elseif not self.runner and not self.defers then
    run(self, effects.drain)
  end
  return true
end

-- ---- running ----

-- Chunks of a snapshot take long, so one turn of the loop must not take all that have piled up.
function Member:end_long_turn()
  if self.turn_began and now() - self.turn_began > TURN then
    self.group:stop()
  end
end

local function dispatch_all(self, budget)
  self.turn_began = now()
  local handled, more, code = dispatch.dispatch(self.record, budget)
  look_around(self)
  return handled, more, code
end

local function cannot_handle(self)
  return self.callers:failure("handle events of", "dispatching",
    "one of its functions is running: return from it first")
end

-- Handles events that wait. Returns as the group's dispatch.
function Member:dispatch(budget)
  if self.runner or machines.is_applying then
    return cannot_handle(self)
  end
  return run(self, dispatch_all, budget)
end

-- Returns the seconds until there is something to do without an event.
function Member:timeout()
  return effects.has_work(self) and 0 or math.max(self.next_tick - now(), 0)
end

-- Handles events until a condition holds, for callers outside coroutines.
function Member:handle_until(is_over)
  if self.runner and not is_over() then
    return cannot_handle(self)
  elseif self.loop and self.loop.run_until(is_over) then
    if is_over() then
      return true
    end
    return self.callers:failure("wait for", "uncertain", "the loop was stopped meanwhile")
  end
  while not is_over() do
    local handled, more, code = self:dispatch(100)
    if not handled then
      return nil, more, code
    elseif handled == 0 and not is_over() then
      pollfd.source(self.record):wait(self:timeout())
    end
  end
  if self.record.loop then
    self.record.loop.wake(self.record) -- for events that were fetched and not handled
  end
  return true
end

-- Gives up a member that could not be started: another one can open its storage.
function Member:abandon()
  self.is_closed = true
  if self.keeper then
    self.keeper:close()
  end
end

-- Leaves for good. Callers are told at once, or after the script's function that calls this has returned.
function Member:close()
  if self.is_closed then
    return true
  end
  local ok, message, code = self.group:deactivate()
  if not ok then
    return nil, message, code
  end
  self.is_closed = true
  if not self.runner and not self.nudge then
    run(self, settle)
  end
  return true
end

-- ---- running in a light thread of nginx, which handles one event at a time ----

-- Returns as the group's step.
function Member:step()
  return run(self, function() return dispatch.step(self.record) end)
end

-- To be called when no more events wait, and now and then before.
function Member:look_around()
  self.is_closed = self.is_closed or not self.record.wanted -- the worker exits
  run(self, look_around)
end

-- nginx has ended the light thread inside a function of the script, which may have left anything half done.
function Member:interrupted()
  self.runner = nil
  events.give_up_membership(self, "a function of the script ended its light thread, as ngx.exit does",
    "the rest of that function did not run")
end

-- ---- the group ----

local function group_handlers(self)
  return {
    pack = true,
    config_change = function(...) events.config_change(self, ...) end,
    message_received = function(...) events.message_received(self, ...) end,
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
    if not self.runner then
      run(self, effects.drain)
    end
    return record.handle and record.handle:flush()
  end
  return hooks
end

-- Each state that cannot be sent is reported once.
local function report_unsendable(self, problem)
  if self.unsendable ~= problem then
    self.unsendable = problem
    self:report(("members of replica %s that join cannot get the state: %s"):format(errors.quote(self.name), problem))
  end
end

local function machine_hooks(self)
  return {
    unsendable = function(problem) report_unsendable(self, problem) end,
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
      self:report(("replica %s has too many commands for machine %s, which this script does not have: it is closed, "
        .. "run a script that has it"):format(errors.quote(self.name), errors.quote(machine.name)))
      membership.give_up(self)
    end,
    damaged = function(what, machine, problem)
      events.give_up_membership(self, ("cannot %s machine %s"):format(what, errors.quote(machine.name)), problem)
    end,
  }
end

-- Empty if it has none.
local function name_of_cluster()
  local name, message, code = cluster.cmap_get "totem.cluster_name"
  return name or code == "not_exist" and "" or nil, message, code
end

-- Opens the storage, and reads it. True, or nil, message, code.
function Member:open_storage(path)
  local own, message, code = self.group:address()
  local cluster_name
  if own then
    cluster_name, message, code = name_of_cluster()
  end
  if cluster_name then
    self.keeper, message, code = keeper.open(path, { replica = self.name, node = own.node, cluster = cluster_name },
      function(problem) report_unsendable(self, problem) end)
  end
  if not self.keeper then
    return nil, message, code
  end
  self.stored, message, code = self.keeper:load(self.machines)
  if not self.stored and message then
    self.keeper:close()
    return nil, message, code
  end
  return true
end

-- Returns the prefix of the names of its notes, or nil, message.
function Member:note_prefix()
  if not self.known_prefix then
    local name, message = name_of_cluster()
    if not name then
      return nil, message
    end
    self.known_prefix = notes.prefix(name, claims.node_of(self.address), self.name)
  end
  return self.known_prefix
end

-- A key of Corosync's map, which has at most 255 bytes and few characters.
local function note_key_of(name)
  local plain = name:gsub("[^%w]", function(c) return ("_%02x"):format(c:byte()) end)
  return "lua_corosync.replica." .. (#plain <= 200 and plain or ("%.0f"):format(core.digest(0, name)))
end

-- `options`: with all defaults. `derive(name, handlers, hooks)` makes the group, which need not be active yet.
function member.new(name, options, derive)
  local self = setmetatable({
    name = name,
    options = options,
    early = {}, -- commands that were submitted before the protocol began
    strangers = {},
    ended = {}, -- by address: members whose processes have left or died, since the ready-made objects looked last
    neighbours = {}, -- those that were reported
    next_tick = 0,
    was_serving = false,
    largest = 67108864 - 4096, -- bytes: of a packed message, less the protocol's fields
    note_key = note_key_of(name),
  }, Member)
  self.callers = callers.new(name, function(tell, ...) handlers.call(self.record, tell, ...) end,
    function() return (select(2, self:state())) end)
  self.machines = machines.new(machine_hooks(self))
  self.divergence = divergence.new(self.machines)
  self.writer = wire.writer(function(...) outbox.put(self, ...) end)
  self.outgoing = transfers.outgoing(function(message) return self.writer:add(message) end,
    function(problem) report_unsendable(self, problem) end)
  self.incoming = transfers.incoming(self.machines)
  self.outbox = outbox.new()
  local message, code
  self.group, message, code = derive(name .. SUFFIX, group_handlers(self), group_hooks(self))
  if not self.group then
    return nil, message, code
  end
  self.record = self.group[KEY]
  return self
end

return member
