-- One member of a replica: connects the protocol with the group, the clock, the callers and the script's functions.
local KEY = require "corosync.private"
local base = require "corosync.group"
local callers = require "corosync.replica.callers"
local claims = require "corosync.replica.protocol.claims"
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local divergence = require "corosync.replica.divergence"
local errors = require "corosync.errors"
local handlers = require "corosync.handlers"
local list = require "corosync.list"
local keeper = require "corosync.replica.keeper"
local machines = require "corosync.replica.machines"
local parts = require "corosync.replica.parts"
local pollfd = require "corosync.group.pollfd"
local protocol = require "corosync.replica.protocol"
local recording = require "corosync.replica.recording"
local transfers = require "corosync.replica.transfers"
local wire = require "corosync.replica.wire"

local SUFFIX = ".replica" -- of the group's name, so that a plain group of the replica's name can exist beside it
local TICK = 0.25 -- seconds between looks at the clock
local FLOOR_STEP = 1048576 -- indices a second: a replica has confirmed fewer since it began

local now = core.now

local member = { SUFFIX = SUFFIX, TICK = TICK, count = 0 } -- how many this process has made

local Member = { now = now }
Member.__index = Member

-- ---- what the protocol asks for ----

local effects = {}

function effects.send(self, message)
  if message.kind == "snapshot" then
    self.outgoing:start(message)
  else
    self.writer:add(message)
  end
end

function effects.reply(self, id, result, code, index)
  self.callers:reply(id, result, code or self.machines.damage and "applied", index)
end

function effects.store(self, kind, ...)
  self.keeper[kind](self.keeper, ...)
end

function effects.rejoin(self)
  self.is_rejoining = true
end

-- The node's Corosync keeps the greatest, for all processes of the node.
function effects.note(self, text)
  local ok, message = cluster.remember(self.note_key, text)
  if not ok then
    self:report(message)
  end
end

local function return_from(self, timeout, ...)
  self.group.timeout = timeout
  return ...
end

-- Calls a function that must not wait for Corosync.
local function without_waiting(self, f, ...)
  local timeout = self.group.timeout
  self.group.timeout = 0
  return return_from(self, timeout, f(...))
end

-- While the cluster's membership changes it fails, and is tried again later.
local function rejoin(self)
  parts.left(self, "rejoined")
  local ok, message, code = without_waiting(self, base.Group.deactivate, self.group)
  if ok then
    ok, message, code = without_waiting(self, base.Group.activate, self.group)
  end
  self.is_rejoining = code == "timeout"
  if not ok and not self.is_rejoining then
    self:report(message)
  end
end

-- Sends what waits, in order, as far as Corosync takes it now.
local function pump(self)
  local box = self.outbox
  while box.first <= box.last and self.record.state == "joined" do
    local ok, message, code = without_waiting(self, self.group.send_message, self.group, box[box.first])
    if not ok and code ~= "too_big" then
      return
    elseif not ok then
      self:report(message)
    end
    box[box.first] = nil
    box.first = box.first + 1
  end
end

-- Messages of an earlier membership mean nothing any more.
local function forget_messages(self)
  self.outbox = { first = 1, last = 0 }
  self.writer.batch = nil
  self.outgoing:cancel_all()
  local out = {}
  for _, effect in ipairs(self.protocol and self.protocol.out or {}) do
    out[#out + 1] = effect[1] ~= "send" and effect or nil
  end
  if self.protocol then
    self.protocol.out = out
  end
end

local function put(self, bytes)
  local box = self.outbox
  box.last = box.last + 1
  box[box.last] = bytes
end

local function submit_early(self)
  local waiting = self.early
  self.early = {}
  for _, command in ipairs(waiting) do
    self.protocol:submit(command.id, command.data)
  end
end

-- Leaves the group as soon as Corosync lets it.
local function step_aside(self)
  local ok, message, code = without_waiting(self, base.Group.deactivate, self.group)
  if not ok and code ~= "timeout" then
    self:report(message)
  end
end

-- Storage fails: the member leaves until it works again. Others go on without it.
local function stand_aside(self, problem)
  if not self.storage_problem then
    self.storage_problem = problem
    self:report(("replica %s leaves its group until its storage works again: %s"):format(errors.quote(self.name),
      problem))
    parts.left(self, "storage")
    step_aside(self)
  end
end

-- Before a message that others rely on: all that it says must be on the disk. False if it is not.
local function store_before(self, message)
  if not self.keeper or not protocol.stored_before[message.kind] then
    return true
  end
  local ok, problem = self.keeper:commit()
  if not ok then
    stand_aside(self, problem)
  end
  return ok
end

-- Returns false if this effect, and those after it, must wait.
local function do_effect(self, effect)
  if self.keeper and self.keeper:is_writing() or effect[1] == "send" and not store_before(self, effect[2]) then
    return false
  end
  effects[effect[1]](self, effect[2], effect[3], effect[4], effect[5])
  return true
end

local function do_effects(self)
  while self.protocol and (#self.protocol.out > 0 or #self.early > 0) do
    submit_early(self)
    local out = self.protocol.out
    self.protocol.out = {}
    for i, effect in ipairs(out) do
      if not do_effect(self, effect) then
        self.protocol.out = list.append(list.from(out, i), self.protocol.out)
        return
      end
    end
  end
end

local function work_on_storage(self)
  local more, problem = self.keeper:work(self.protocol, self.machines)
  if more == nil then
    stand_aside(self, problem)
  end
  return more
end

-- Does what the protocol has asked for.
local function drain(self)
  do_effects(self)
  if self.keeper and self.protocol and not self.storage_problem then
    self.has_work = work_on_storage(self)
    do_effects(self)
  end
  self.writer:flush()
  pump(self)
  if self.has_work and self.record.loop then
    self.record.loop.wake(self.record)
  end
end

local function finish(self, ok, ...)
  self.runner = nil
  if not ok then
    error((...), 0)
  end
  return ...
end

-- Sends a message to all members, besides those of the protocol.
function Member:multicast(message)
  self.writer:add(message)
  self.writer:flush()
  pump(self)
end

function Member:has_joined()
  return self.protocol ~= nil and self.record.state == "joined"
end

-- Everything that may call the script's functions runs in here. What these submit waits until they have returned.
local function run(self, f, ...)
  self.runner = coroutine.running() or "main"
  return finish(self, pcall(f, self, ...))
end

-- Whether a coroutine calls the script's functions at this moment.
function Member:runs_in(routine)
  return self.runner ~= nil and self.runner == routine
end

-- ---- the status, and the script's functions for it ----

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
  elseif SERVING[protocol_state.status] then
    return protocol_state.status
  elseif protocol_state.status == "learning" then
    return "learning", "it is getting the state from another member"
  end
  return "blocked", protocol_state.reason or self.reason or "the members are agreeing on the state to go on from"
end

local function tell_status(self)
  local status, why = self:state()
  local is_serving = SERVING[status] or false
  if is_serving and not self.was_serving then
    self.was_serving = true
    call(self, "ready")
  elseif not is_serving and self.was_serving then
    self.was_serving = false
    call(self, "suspended", why)
  end
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

-- Lets the ready-made objects see who has come or gone.
local function look(self)
  local active = self.was_serving and self.protocol.active
  local has_changed = active and (self.members ~= self.seen_members or active.tag ~= self.seen_tag
    or active.epoch ~= self.seen_epoch)
  if has_changed then
    self.seen_members, self.seen_tag, self.seen_epoch = self.members, active.tag, active.epoch
    parts.look(self)
  end
end

-- A replica that was closed: its callers are told.
local function end_callers(self)
  drain(self)
  parts.left(self, "closed")
  for _, id in ipairs(self.callers:all()) do
    if self.protocol then
      self.protocol:give_up(id)
    end
  end
  drain(self)
  for _, id in ipairs(self.callers:all()) do
    self.callers:reply(id, nil, "closed")
  end
  self.outgoing:cancel_all()
  if self.calls then
    self.calls:lost("the replica was closed", "closed")
  end
  if self.keeper then
    self.keeper:close()
  end
  self.timer = self.timer and self.timer.close() or nil
end

-- After events were handled, or time has passed.
local function settle(self)
  if self.protocol then
    self.protocol:flush()
  end
  drain(self)
  tell_status(self)
  look(self)
  drain(self)
  if self.is_closed then
    end_callers(self)
  elseif self.is_rejoining then
    rejoin(self)
  end
end

-- ---- the group's events ----

local known_texts = setmetatable({}, { __mode = "k" }) -- by address: the binding has one table for each

local function text(address)
  local known = known_texts[address]
  if not known then
    known = ("%d:%d"):format(address.node, address.pid)
    known_texts[address] = known
  end
  return known
end

local function texts(addresses)
  local found = {}
  for i, address in ipairs(addresses) do
    found[i] = text(address)
  end
  return found
end

local function has_reason(addresses, reason)
  for _, address in ipairs(addresses) do
    if address.reason == reason then
      return true
    end
  end
  return false
end

-- Different for each start of a process.
local function new_incarnation()
  return ("%x.%x"):format(os.time(), math.floor(now() * 1000000) % 4294967296)
end

local function digest(earlier, entry)
  return core.digest((earlier + entry.seq) % 9007199254740992, entry.client, entry.data)
end

local function protocol_machine(all)
  return {
    apply = function(data, index) return all:apply(data, index) end,
    reset = function() all:reset() end,
    restore = function(state) all:restore(state) end,
    snapshot = function() return all:snapshot() end,
  }
end

local function begin_protocol(self, own)
  self.address = own
  self.protocol = protocol.new {
    address = own,
    incarnation = new_incarnation(),
    machine = protocol_machine(self.machines),
    hash = digest,
    patience = self.options.patience,
    observer = self.options.observer,
    copies = self.options.copies,
    durable = self.keeper ~= nil,
    stored = self.stored,
  }
  self.stored = nil
  if self.ring then
    self.protocol:ring_change(self.ring)
  end
end

local function includes(addresses, own)
  for _, address in ipairs(addresses) do
    if text(address) == own then
      return true
    end
  end
  return false
end

local function config_change(self, members, left, joined)
  local own = self.address or text(self.group:address())
  self.members, self.present = members, {}
  for _, address in ipairs(members) do
    self.present[text(address)] = true
  end
  if not includes(members, own) then
    return -- its own leave
  elseif not self.protocol then
    begin_protocol(self, own)
  end
  local has_joined = includes(joined, own)
  if has_joined then
    forget_messages(self)
  end
  for _, address in ipairs(left) do
    self.outgoing:cancel(text(address))
    self.divergence:forget(text(address))
    if self.calls then
      self.calls:left(text(address))
    end
  end
  self.protocol:config(texts(members), texts(left),
    has_joined or has_reason(left, "nodedown") or has_reason(joined, "nodeup"))
end

-- It comes before the protocol begins, if the member joins later.
local function ring_change(self, ring)
  self.ring = ring
  if self.protocol then
    self.protocol:ring_change(ring)
  end
end

-- Without the right state it must not take part.
local function give_up_membership(self, what, problem)
  self:report(("%s: %s. Replica %s is closed here: mend the script and start it again"):format(what, tostring(problem),
    errors.quote(self.name)))
  self:close()
end

-- Storage keeps its promise only if the node confirms nothing without it: see claims.lua.
local function warn_of_neighbour(self, from, claim)
  local has_storage = self.keeper or claim.durable
  local may_be_full = not self.options.observer and not claim.observer
  local is_neighbour = from ~= self.address and claims.node_of(from) == claims.node_of(self.address)
  if has_storage and may_be_full and is_neighbour and not self.neighbours[from] then
    self.neighbours[from] = true
    self:report(("process %s on this node is a member of replica %s, too, and a node with storage may have one only: "
      .. "let all processes without it, and all but one with it, be observers, else confirmed commands can be lost "
      .. "when the power fails"):format(from, errors.quote(self.name)))
  end
end

local takes = {}

function takes.claim(self, from, message)
  warn_of_neighbour(self, from, message)
  self.protocol:message(from, message)
end

function takes.call(self, from, message)
  if self.calls then
    self.calls:received(from, message)
  elseif not message.to or message.to == self.address then
    self:multicast { kind = "answer", to = from, id = message.id, ok = false, code = "not_exist",
      value = "this member has no functions to call" }
  end
end

function takes.answer(self, from, message)
  if self.calls then
    self.calls:answered(from, message)
  end
end

function takes.chunk(self, from, message)
  if from == self.address then
    self.outgoing:echoed(message)
  end
  local cut = self.protocol.cut
  if message.to == self.address and cut and self.incoming:chunk(from, message, cut.nonce) then
    self.protocol:progress()
  end
end

function takes.snapshot(self, from, message)
  if message.to ~= self.address then
    return self.protocol:message(from, message)
  end
  message = self.incoming:complete(from, message)
  if not message then
    return
  end
  local ok, problem = message.state:build()
  if ok then
    self.protocol:message(from, message)
  else
    give_up_membership(self, ("cannot restore the state that member %s has sent"):format(from), problem)
  end
end

function takes.digests(self, from, message)
  if from ~= self.address then
    self.divergence:take(from, message.digests)
  end
end

local function message_received(self, address, bytes)
  local from = text(address)
  local ok, why = wire.read(bytes, function(message)
    local take = takes[message.kind]
    if take then
      take(self, from, message)
    else
      self.protocol:message(from, message)
    end
  end)
  if not ok and not self.strangers[from] then
    self.strangers[from] = true
    self:report(("member %s of group %s sent a message that is %s: it is not a member of this replica"):format(from,
      errors.quote(self.group.name), why))
  end
end

local function view_change(self, view)
  local nodes, message = cluster.node_count()
  if not nodes then
    self.reason = message
    return self:report(message)
  elseif view.quorate == false then
    self.reason = "this side of the cluster has no quorum"
    return
  end
  self.reason = nil
  self.view = {
    ring = view.ring,
    nodes = nodes,
    floor = math.floor(core.time() * FLOOR_STEP),
    noted = cluster.cmap_get(self.note_key) or nil,
  }
  self.protocol:settled(self.view)
end

local function disconnected(self, reason)
  forget_messages(self)
  self.divergence:forget_all()
  self.disconnected_by = reason
  if self.calls then
    self.calls:lost("Corosync on this node has gone", "not_connected")
  end
  if self.protocol then
    self.protocol:restart()
  end
  parts.left(self, "disconnected")
  tell_status(self)
end

-- ---- the clock ----

-- Quorum may be of a ring that the group was never told of.
local function look_for_untold_ring(self)
  local views = self.record.views
  local ring = views and self.record.state == "joined" and views:quorate_ring()
  local told = self.protocol.ring
  if ring and told and self.view and ring.seq ~= told.seq and ring.seq ~= self.untold_seq then
    self.untold_seq = ring.seq
    self.protocol:settled { ring = ring, nodes = self.view.nodes, floor = self.view.floor }
  end
end

local function look_for_divergence(self)
  local active = self.protocol.active
  if not active then
    return
  end
  local digests = self.divergence:news()
  if digests and active.full[self.address] then
    self.writer:add { kind = "digests", digests = digests }
  end
  local found, is_wrong = self.divergence:look(self.address, active.full)
  if found and is_wrong then
    self.divergence:forget_all()
    self.diverged = found
    self:report(("diverged: the state of machine %s of replica %s differs from that of %s at index %.0f; its apply "
      .. "depends on more than the state and the command. This member takes the state of the others")
      :format(errors.quote(found.machine), errors.quote(self.name), table.concat(found.members, ", "), found.index))
    self.protocol:forget()
  end
end

local function is_storage_working(self)
  local ok = self.keeper:commit()
  if ok and self.keeper:is_writing() then
    ok = self.keeper:work(self.protocol, self.machines) ~= nil
  end
  return ok
end

-- Called while storage does not work.
local function try_storage(self)
  if self.record.state == "joined" then
    return step_aside(self)
  elseif self.record.state == "idle" and is_storage_working(self)
    and without_waiting(self, base.Group.activate, self.group) then
    self.storage_problem = nil
    self:report(("the storage of replica %s works again"):format(errors.quote(self.name)))
  end
end

-- A command that the protocol does not know yet ends.
local function give_up_early(self, id)
  for i, command in ipairs(self.early) do
    if command.id == id then
      table.remove(self.early, i)
      break
    end
  end
  self.callers:reply(id, nil, "not_ready")
end

local function tick(self)
  if self.calls then
    self.calls:tick(now())
  end
  self.next_tick = now() + TICK
  if self.storage_problem then
    try_storage(self)
  end
  parts.tick(self)
  if self.protocol then
    submit_early(self)
    self.protocol:time(now())
    look_for_untold_ring(self)
    look_for_divergence(self)
    self.seen_members = nil -- the ready-made objects look at the clock, too
  end
  for _, id in ipairs(self.callers:overdue(now())) do
    if self.protocol then
      self.protocol:give_up(id)
    else
      give_up_early(self, id)
    end
  end
  settle(self)
end

-- Called a few times a second by a loop's clock.
function Member:tick()
  if not self.runner and not self.is_closed then
    run(self, tick)
  end
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

-- Sends a command; `tell(result, message, code)` is called later. Returns true, or nil, message, code.
function Member:submit(what, data, tell)
  if self.is_closed then
    return self.callers:failure(what, "closed")
  elseif self.machines.is_applying then
    return self.callers:failure(what, "dispatching", "apply must not submit: it may use only the state and the command")
  elseif is_away(self) then
    return self.callers:failure(what, "not_connected")
  elseif self.callers.count >= self.options.window then
    return self.callers:failure(what, "full", ("%d commands of this member wait for their results: submit this one "
      .. "later"):format(self.options.window))
  elseif #data > self.largest then
    return self.callers:failure(what, "too_big", ("the command has %d bytes, and at most %d can be sent"):format(#data,
      self.largest))
  end
  local id = self.callers:add(what, tell, now() + self.options.timeout, recording.begin(self.record, self.name, data))
  if self.protocol and not self.runner then
    self.protocol:submit(id, data)
  else
    table.insert(self.early, { id = id, data = data })
  end
  if self.nudge then
    self.nudge()
  elseif not self.runner and not self.defers then
    run(self, drain)
  end
  return true
end

-- ---- running ----

local function dispatch_all(self, budget)
  local handled, more, code = dispatch.dispatch(self.record, budget)
  look_around(self)
  return handled, more, code
end

-- Handles events that wait. Returns as the group's dispatch.
function Member:dispatch(budget)
  if self.runner then
    return self.callers:failure("handle events of", "dispatching",
      "one of its functions is running: return from it first")
  end
  return run(self, dispatch_all, budget)
end

-- Handles events until something holds: for callers that are no coroutines.
function Member:handle_until(is_over)
  if self.loop and self.loop.run_until(is_over) then
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
      pollfd.source(self.record):wait(math.max(self.next_tick - now(), 0))
    end
  end
  if self.record.loop then
    self.record.loop.wake(self.record) -- for events that were fetched and not handled
  end
  return true
end

-- Leaves, for good. Callers are told at once, or after the script's function that calls this.
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

-- ---- the group ----

local function group_handlers(self)
  return {
    pack = true,
    config_change = function(...) config_change(self, ...) end,
    message_received = function(...) message_received(self, ...) end,
    ring_change = function(ring) ring_change(self, ring) end,
    view_change = function(view) view_change(self, view) end,
    disconnected = function(reason) disconnected(self, reason) end,
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
      run(self, drain)
    end
    return record.handle and record.handle:flush()
  end
  return hooks
end

local function machine_hooks(self)
  return {
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
      self:close()
    end,
    damaged = function(machine, problem)
      give_up_membership(self, ("cannot undo a command of machine %s whose apply has raised"):format(
        errors.quote(machine.name)), problem)
    end,
  }
end

-- Opens the storage, and reads it. True, or nil, message, code.
function Member:open_storage()
  local own, message, code = self.group:address()
  local cluster_name = own and cluster.cmap_get "totem.cluster_name" or ""
  if own then
    self.keeper, message, code = keeper.open(self.options.storage, {
      replica = self.name,
      node = own.node,
      cluster = cluster_name,
    })
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

-- `options`: with all defaults. `derive(name, handlers, hooks)` makes the group, which need not be active yet.
function member.new(name, options, derive)
  local self = setmetatable({
    name = name,
    options = options,
    early = {}, -- commands that were submitted before the protocol began
    strangers = {},
    neighbours = {}, -- those that were reported
    next_tick = 0,
    largest = 67108864 - 4096, -- bytes: of a packed message, less the protocol's fields
    note_key = "lua_corosync.replica." .. name:gsub("[^%w]", function(c) return ("_%02x"):format(c:byte()) end),
  }, Member)
  self.callers = callers.new(name, function(tell, ...) handlers.call(self.record, tell, ...) end)
  self.machines = machines.new(machine_hooks(self))
  self.divergence = divergence.new(self.machines)
  self.writer = wire.writer(function(bytes) put(self, bytes) end)
  self.outgoing = transfers.outgoing(function(message) self.writer:add(message) end)
  self.incoming = transfers.incoming(self.machines)
  self.outbox = { first = 1, last = 0 }
  local message, code
  self.group, message, code = derive(name .. SUFFIX, group_handlers(self), group_hooks(self))
  if not self.group then
    return nil, message, code
  end
  self.record = self.group[KEY]
  member.count = member.count + 1
  return self
end

return member
