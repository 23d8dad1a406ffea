-- A named machine of a replica: its state, and the means to undo a command and to send the state to others.
--
-- Besides the state there is the *base*, an older state, with the commands *since*. If `apply` raises, the state is
-- rebuilt from them. The base does not change while it is sent to a learner, so writes go on meanwhile.
--
-- A small state is copied now and then as the new base. Copying a large one would block the loop, so its base follows
-- by applying the oldest commands a second time.
local chain = require "corosync.replica.machines.chain"
local collector = require "corosync.replica.machines.collector"
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local flat = require "corosync.replica.machines.flat"
local plain = require "corosync.replica.machines.plain"
local script_calls = require "corosync.script_calls"

local machine = {}

local COPIED_AFTER = 1000 -- commands
local COPIED_ENTRIES = 10000 -- entries of tables, at most
local DIGESTED_ENTRIES = 2000 -- at most: it takes some milliseconds
local KEPT_COMMANDS, KEPT_BYTES = 20000, 4000000 -- beyond, the base of a large state follows
local DEEPEST = 2000 -- tables inside each other, of a state that is checked
local PART = 32768 -- bytes of a snapshot that is a string
local LARGE = 50 -- pieces of a snapshot: about a megabyte, or 10 000 entries
local STRING = ("s"):byte() -- first byte of the body of a command that is a string

local Machine = {}
Machine.__index = Machine

local function keep(self, base)
  self.base, self.is_large = base, false
  self.since, self.first, self.bytes = {}, 1, 0
  self.tried_at = nil
end

-- Without the script's functions, as if the script had no machine of this name: its commands are kept.
function machine.new(name)
  local self = setmetatable({ name = name, prefix = name .. "\0", body = #name + 2, chain = chain.new() }, Machine)
  keep(self, nil)
  return self
end

local function note_large(self)
  self.is_large = true
  collector.divide()
end

-- ---- states ----

-- Why a state cannot be copied and sent; nil if it can.
local function state_problem(self, state)
  if self.methods.snapshot then
    return nil
  end
  local problem = type(state) ~= "table" and "it is a " .. type(state) or plain.check(state, DEEPEST, math.huge)
  return problem and ("the state of machine %s is no plain table: %s"):format(errors.quote(self.name), problem)
end

local function initial_state(self)
  local state = {}
  if self.methods.initial then
    state = self.methods.initial()
  end
  local problem = state_problem(self, state)
  if problem then
    errors.raise("%s", problem)
  end
  return self.methods.snapshot and state or plain.copy(state) -- `initial` may return the same table again
end

local function encoded(self, state)
  local text = self.methods.snapshot(state)
  if type(text) ~= "string" then
    error(("snapshot of machine %s returned a %s, and a string is expected"):format(errors.quote(self.name),
      type(text)), 0)
  end
  return text
end

local function base_of(self, state)
  if self.methods.snapshot then
    return encoded(self, state)
  end
  return plain.copy(state)
end

local function state_of(self, base)
  if self.methods.snapshot then
    return self.methods.restore(base)
  end
  return plain.copy(base)
end

local function reset(self)
  self.chain = chain.new()
  self.pieces = nil
  if self.methods then
    self.state = initial_state(self)
  end
  keep(self, self.methods and base_of(self, self.state))
  if self.methods and not self.methods.snapshot and not plain.copy(self.state, COPIED_ENTRIES) then
    note_large(self)
  end
end

function Machine:reset()
  script_calls.without_limits(reset, self)
end

local function command_of(self, data)
  local rest = data:sub(self.body + 1)
  if data:byte(self.body) == STRING then
    return rest
  end
  return self.methods.codec.decode(rest)
end

-- Rebuilds the state from the base and the commands since, which have all succeeded before.
local function replay(self, state, list, first, last)
  for i = first, last, 2 do
    self.methods.apply(state, command_of(self, list[i]), list[i + 1])
  end
  return state
end

local function undo(self)
  self.state = replay(self, state_of(self, self.base), self.since, self.first, #self.since)
end

-- ---- the base ----

local function copy_state(self)
  if self.methods.snapshot then
    return encoded(self, self.state)
  end
  return plain.copy(self.state, COPIED_ENTRIES)
end

-- Makes a new base, unless the state is too large to copy it at once. If the script's `snapshot` raises, the present
-- base is still good.
local function renew(self)
  local ok, copy = pcall(copy_state, self)
  if not ok then
    self.problem = error_text(copy)
    self.tried_at = #self.since
  elseif copy then
    keep(self, copy)
  else
    note_large(self)
  end
end

-- Copying must not cost more than the commands did.
local function is_copy_due(self, count)
  if self.is_large or count < COPIED_AFTER then
    return false
  end
  local is_worth_it = not self.methods.snapshot or 4 * self.bytes > #self.base
  local was_tried = self.tried_at and #self.since - self.tried_at < 2 * COPIED_AFTER
  return is_worth_it and not was_tried
end

-- Applies commands to the base, and forgets them.
local function follow(self, values)
  local list, first = self.since, self.first
  local last = math.min(first + values - 1, #list)
  replay(self, self.base, list, first, last)
  for i = first, last, 2 do
    self.bytes = self.bytes - #list[i]
    list[i], list[i + 1] = false, false
  end
  self.first = last + 1
  if self.first > #list / 2 then -- the part in front is no longer needed
    self.since = {}
    for i = self.first, #list do
      self.since[#self.since + 1] = list[i]
    end
    self.first = 1
  end
end

-- `added`: how many values were added to `since`.
local function renew_base(self, added)
  local count = (#self.since - self.first + 1) / 2
  if count < COPIED_AFTER and self.bytes <= KEPT_BYTES then
    return
  end
  if is_copy_due(self, count) then
    renew(self)
  elseif self.is_large and not self.sent and (count > KEPT_COMMANDS or self.bytes > KEPT_BYTES) then
    script_calls.without_limits(follow, self, 2 * added)
  end
end

-- ---- commands ----

local function store(self, list, from, to, index)
  local since, bytes = self.since, 0
  local n = #since
  for i = from, to do
    local data = list[i]
    since[n + 1], since[n + 2] = data, index + i
    n, bytes = n + 2, bytes + #data
  end
  self.bytes = self.bytes + bytes
end

-- Notes commands that were applied without an error.
local function succeeded(self, list, from, to, index, results)
  if from <= to then
    store(self, list, from, to, index)
    self.chain:add(results, from, to, index + to)
  end
end

-- Raises the script's error; then `at` is the command's place.
local function apply_until_error(self, list, from, to, index, results)
  local apply, state = self.methods.apply, self.state
  for i = from, to do
    self.at = i
    local command = command_of(self, list[i])
    results[i], self.command = apply(state, command, index + i), command
  end
end

-- Applies the commands `from` to `to` of a list until one raises an error. The first command of the list has the index
-- `index` + 1. Each result gets the place of its command in `results`. Returns how many were applied, and the error.
function Machine:apply(list, from, to, index, results)
  if not self.methods then
    store(self, list, from, to, index)
    return to - from + 1
  end
  local ok, problem = pcall(apply_until_error, self, list, from, to, index, results)
  local last = ok and to or self.at - 1
  succeeded(self, list, from, last, index, results)
  if not ok then
    script_calls.without_limits(undo, self)
    self.chain:add_error(index + self.at)
    problem = error_text(problem)
  end
  renew_base(self, 2 * (last - from + 1)) -- also if each run ends in an error
  return last - from + 1, problem
end

-- A digest of the state, unless it is large, not plain or the script's own.
function Machine:digest()
  if not self.methods or self.methods.snapshot or self.is_large then
    return nil
  end
  local made = plain.digest(self.state, DIGESTED_ENTRIES)
  if not made then
    return nil
  end
  local problem = state_problem(self, self.state)
  if problem then
    self.problem = problem
    return nil
  end
  return made
end

-- ---- snapshots: chunks of plain values ----

local function parts_of(text)
  local at = 1
  return function()
    if at <= #text or at == 1 then
      at = at + PART
      return text:sub(at - PART, at - 1)
    end
  end
end

local function items_of(list)
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

local function base_pieces(self)
  if not self.methods then
    return items_of(self.pieces or {})
  elseif self.methods.snapshot then
    return parts_of(self.base)
  end
  return flat.pieces(self.base)
end

-- The commands from `first` to `last`, some at a time.
local function command_pieces(list, first, last)
  return function()
    local piece, bytes = {}, 0
    while first <= last and #piece < 1000 and (#piece == 0 or bytes + #list[first] <= PART) do
      piece[#piece + 1], piece[#piece + 2] = list[first], list[first + 1]
      bytes = bytes + #list[first]
      first = first + 2
    end
    return #piece > 0 and piece or nil
  end
end

-- A learner that applies the commands again may get another state if `apply` is not deterministic.
local function renew_base_to_send(self)
  if self.methods and not self.is_large then
    renew(self)
  end
end

-- Returns a function that returns the chunks of the present state one by one, then nil. Until the end, or `release`,
-- the base is kept as it is.
function Machine:snapshot()
  renew_base_to_send(self)
  local stages = {
    { "machine", items_of { { self.name, self.chain.digest, self.chain.last or false, self.methods ~= nil } } },
    { "base", base_pieces(self) },
    { "since", command_pieces(self.since, self.first, #self.since) },
  }
  self.sent = (self.sent or 0) + 1
  return function()
    while stages[1] do
      local piece = stages[1][2]()
      if piece then
        return { stages[1][1], piece }
      end
      table.remove(stages, 1)
    end
  end
end

function Machine:release()
  self.sent = self.sent > 1 and self.sent - 1 or nil
end

-- ---- restoring ----

local takes = {}

function takes.base(self, piece)
  self.has_base = true
  self.count = self.count + 1
  if self.count == LARGE then
    collector.divide()
  end
  if not self.methods then
    self.pieces[#self.pieces + 1] = piece
  elseif self.methods.snapshot then
    self.parts[#self.parts + 1] = piece
  else
    self.builder:add(piece)
  end
end

local function build(self)
  if not self.has_base then -- the sender has commands for this machine, and not the machine
    self.state = initial_state(self)
    self.base = base_of(self, self.state)
  elseif self.methods.snapshot then
    self.base = table.concat(self.parts)
    self.state = self.methods.restore(self.base)
  else
    local values = self.builder:finish()
    self.base, self.state = values[1], values[2]
  end
  self.builder, self.parts = nil, nil
end

-- A sender without the machine has kept commands whose results are not in its digest: those after `known`.
local function take_command(self, data, index)
  if self.methods and index > self.known then
    self:apply({ data }, 1, 1, index - 1, {})
    return
  end
  store(self, { data }, 1, 1, index - 1)
  if self.methods then
    script_calls.without_limits(replay, self, self.state, { data, index }, 1, 2)
  end
end

-- The base is complete. Commands are applied as they come, because applying all at once would block the loop.
function takes.since(self, piece)
  if self.methods and not self.is_built then
    self.is_built = true
    build(self)
  end
  for i = 1, #piece, 2 do
    take_command(self, piece[i], piece[i + 1])
  end
end

-- Begins to take the chunks of a snapshot.
function Machine:begin_restore(digest, last)
  self.chain, self.known = chain.new(digest, last or nil), last or -1
  keep(self, nil)
  self.pieces, self.parts, self.count, self.has_base, self.is_built = {}, {}, 0, false, false
  self.builder = self.methods and not self.methods.snapshot and flat.builder(2) or nil
end

-- May raise: the script's functions make the state.
function Machine:take(kind, piece)
  takes[kind](self, piece)
end

-- To be called after the last chunk. May raise.
function Machine:finish_restore()
  takes.since(self, {})
  if self.methods then
    self.chain:remember()
    self.pieces = nil
  end
end

-- Encodes a command of this machine for the group.
function Machine:encode(command)
  if type(command) == "string" then
    return self.prefix .. "s" .. command
  end
  local text = self.methods.codec.encode(command)
  if type(text) ~= "string" then
    error(("encode returned a %s, and a string is expected"):format(type(text)), 0)
  end
  return self.prefix .. "t" .. text
end

return machine
