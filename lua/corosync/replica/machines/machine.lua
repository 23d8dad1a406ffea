-- A named machine of a replica: it holds the state, can undo a command, and can send the state to others. It has the
-- fields of base.lua, and
--   prefix, body      of its commands, see command.lua
--   methods           the script's functions and codec; nil if the script lacks the machine
--   state             with methods: the present state
--   chain             the digest of its results (chain.lua)
--   command, at       the last command that was applied, decoded; the position of the one that is being applied
--   problem           why the state cannot be sent, until that is reported
--   pieces            without methods: the pieces of the base, as they have come
--   known             while it is restored: the index of the last command in the sender's digest; -1 for none
--   count, parts, builder, has_base, is_built   while it is restored: the pieces of the base so far
local base = require "corosync.replica.machines.base"
local chain = require "corosync.replica.machines.chain"
local collector = require "corosync.replica.machines.collector"
local command = require "corosync.replica.machines.command"
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local flat = require "corosync.replica.machines.flat"
local plain = require "corosync.replica.machines.plain"
local results = require "corosync.replica.machines.results"
local script_calls = require "corosync.script_calls"
local state = require "corosync.replica.machines.state"

local machine = {}

local DIGESTED_ENTRIES = 2000 -- at most: it takes some milliseconds
local PIECE = 32768 -- bytes of a snapshot that is a string
local LARGE = 50 -- pieces of a snapshot: about a megabyte, or 10 000 entries

local Machine = { encode = command.encode }
Machine.__index = Machine

-- Returns a machine without functions, as for a name that the script does not define: its commands are kept.
-- `is_limited`: restoring a state fails if one of its functions exceeds a limit of the host.
function machine.new(name, is_limited)
  local self = setmetatable({ name = name, prefix = name .. "\0", body = #name + 2, chain = chain.new(),
    is_limited = is_limited }, Machine)
  base.keep(self, nil)
  return self
end

-- Raises if the script's functions do.
function Machine:reset()
  self.chain = chain.new()
  self.pieces = nil
  if self.methods then
    self.state = state.initial(self)
  end
  base.keep(self, self.methods and state.copy(self, self.state))
  if self.methods and not self.methods.snapshot and not state.copy_small(self, self.state) then
    base.note_large(self)
  end
end

-- ---- commands ----

-- Raises the script's error; `self.at` is then the position of the failed command.
local function apply_until_error(self, run, from, to, index, found)
  local apply, value, commands = self.methods.apply, self.state, run.commands
  local decode = run.is_encoded and self.methods.codec.decode
  for i = from, to do
    self.at = i
    local given = commands[i]
    if decode then
      given = decode(given)
    end
    local result = apply(value, given, index + i)
    found[i], self.command = result, given
    if type(result) == "table" then
      results.keep_table(found, i)
    end
  end
end

-- Applies the commands `from` to `to` of a run until one raises an error. The first command of the run's list has the
-- index `index` + 1. `found` gets the results (results.lua). Returns how many were applied, and the error.
function Machine:apply(run, from, to, index, found)
  if not self.methods then
    base.store(self, run.list, from, to, index)
    return to - from + 1
  end
  local ok, problem = pcall(apply_until_error, self, run, from, to, index, found)
  local last = ok and to or self.at - 1
  self.chain:add(results.digestible(found, from, last), from, last, index)
  base.store(self, run.list, from, last, index)
  if not ok then
    self.state = script_calls.without_limits(base.rebuild, self)
    self.chain:add_error(index + self.at)
    problem = error_text(problem)
  end
  base.renew_if_due(self, 2 * (last - from + 1)) -- even if each run ends in an error
  return last - from + 1, problem
end

-- Returns a digest of the state; nil if it is large, not plain, or encoded by the script.
function Machine:digest()
  if not self.methods or self.methods.snapshot or self.is_large then
    return nil
  end
  local made = plain.digest(self.state, DIGESTED_ENTRIES)
  if not made then
    return nil
  end
  local problem = state.problem(self, self.state)
  if problem then
    self.problem = problem
    return nil
  end
  return made
end

-- ---- snapshots: chunks of plain values ----

local function string_pieces(text)
  local at = 1
  return function()
    if at <= #text or at == 1 then
      at = at + PIECE
      return text:sub(at - PIECE, at - 1)
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
    return string_pieces(self.base)
  end
  return flat.pieces(self.base)
end

-- Returns a function that returns the commands from `first` to `last`, some at a time.
local function command_pieces(list, first, last)
  return function()
    local piece, bytes = {}, 0
    while first <= last and #piece < 1000 and (#piece == 0 or bytes + #list[first] <= PIECE) do
      piece[#piece + 1], piece[#piece + 2] = list[first], list[first + 1]
      bytes = bytes + #list[first]
      first = first + 2
    end
    return #piece > 0 and piece or nil
  end
end

-- Returns a function that returns the chunks of the present state one by one, then nil. The base does not change until
-- the last chunk was returned, or `release` was called.
function Machine:snapshot()
  base.renew_to_send(self)
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

-- Raises if the sender's script has `snapshot` and `restore` and this one has not, or the other way round.
local function check_kind(self, piece)
  local is_encoded, can_decode = type(piece) == "string", self.methods.restore ~= nil
  if is_encoded ~= can_decode then
    error(("machine %s has no snapshot and restore in %s script"):format(errors.quote(self.name),
      is_encoded and "this" or "the sender's"), 0)
  end
end

function takes.base(self, piece)
  if self.methods then
    check_kind(self, piece)
  end
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
  if not self.has_base then -- the sender's script lacks this machine, and has kept commands for it
    self.state = state.initial(self)
    self.base = state.copy(self, self.state)
  elseif self.methods.snapshot then
    self.base = table.concat(self.parts)
    self.state = state.decoded(self, self.base)
  else
    local values = self.builder:finish()
    self.base, self.state = values[1], values[2]
  end
  self.builder, self.parts = nil, nil
end

-- If the sender's script lacks the machine, the sender has kept commands whose results are not in its digest: those
-- with an index above `known`.
local function take_command(self, data, index)
  if self.methods and index > self.known then
    local run = command.run({ data }, 1, select(2, command.address(data)))
    local _, problem = self:apply(run, 1, 1, index - 1, results.new(false))
    if self.is_limited and problem and script_calls.is_limit(problem) then
      error(problem, 0)
    end
    return
  end
  base.store(self, { data }, 1, 1, index - 1)
  if self.methods and self.is_limited then
    base.replay(self, self.state, { data, index }, 1, 2)
  elseif self.methods then
    script_calls.without_limits(base.replay, self, self.state, { data, index }, 1, 2)
  end
end

-- The first chunk of commands shows that the base is complete. Commands are applied as their chunks come, because
-- applying all at once would block the loop.
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
  base.keep(self, nil)
  self.pieces, self.parts, self.count, self.has_base, self.is_built = {}, {}, 0, false, false
  self.builder = self.methods and not self.methods.snapshot and flat.builder(2) or nil
end

-- Takes a piece. May raise, because the script's functions make the state.
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

return machine
