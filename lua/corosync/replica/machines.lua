-- All machines of a replica, as the one state that the protocol replicates.
local applying = require "corosync.replica.machines.applying"
local codec = require "corosync.replica.codec"
local command = require "corosync.replica.machines.command"
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local machine = require "corosync.replica.machines.machine"
local restoring = require "corosync.replica.machines.restoring"
local results = require "corosync.replica.machines.results"
local script_calls = require "corosync.script_calls"
local snapshot = require "corosync.replica.machines.snapshot"

local machines = {}

local KEPT_BYTES = 64 * 1024 * 1024 -- of commands for a machine that the script does not have

local Machines = {}
Machines.__index = Machines

-- The metatable of the results that Machines:apply returns for commands that raised an error.
local Failure = {}

-- `hooks`: applied(machine, command, result, index); restored(machine); overfull(machine): the script lacks the
-- machine, and too many commands are kept for it; unsendable(problem): the state cannot be sent to others;
-- damaged(what, machine, problem): `what` could not be done.
function machines.new(hooks)
  return setmetatable({ hooks = hooks, by_name = {}, names = {}, applied = {}, changes = 0 }, Machines)
end

-- Returns the text and the code of a result that stands for an error. The code is "uncertain" for a limit of the host,
-- because another member may have had more time or memory.
function machines.failure(result)
  if type(result) == "table" and getmetatable(result) == Failure then
    local problem = result.problem
    return problem, script_calls.is_limit(problem) and "uncertain" or "raised"
  end
end

local function find(self, name)
  local found = self.by_name[name]
  if not found then
    found = machine.new(name)
    self.by_name[name] = found
    local place = #self.names + 1
    while place > 1 and self.names[place - 1] > name do -- unlike table.sort, quick for thousands of machines
      place = place - 1
    end
    table.insert(self.names, place, name)
  end
  return found
end

local function pass_on(ok, ...)
  if not ok then
    local problem = ...
    error(type(problem) == "string" and problem:match "^(.-)\nstack traceback:" or problem, 0)
  end
  return ...
end

-- Puts each call of a script's function under the limits of the host.
local function limited(f)
  if not f or not script_calls.guard then
    return f
  end
  return function(...)
    if not script_calls.guard then -- see without_limits
      return f(...)
    end
    return pass_on(script_calls.guard(f, ...))
  end
end

-- Fills in a codec, and puts the functions under the limits of the host.
local function complete(methods)
  for _, field in ipairs { "apply", "initial", "snapshot", "restore" } do
    methods[field] = limited(methods[field])
  end
  local own = methods.codec
  methods.is_plain = own == nil
  methods.codec = own and { encode = own.encode, decode = limited(own.decode) } or codec
end

local function take_all(made, next_chunk)
  for chunk in next_chunk do
    local kind, piece = chunk[1], chunk[2]
    if kind == "machine" then
      made:begin_restore(piece[2], piece[3])
    else
      made:take(kind, piece)
    end
  end
  made:finish_restore()
end

-- Makes a machine with the present state for another script's functions, or for none; `replace` then puts it in place.
-- Raises if those functions do, and if the present ones cannot encode the state. `is_limited`: also if one of them
-- exceeds a limit of the host.
function Machines:converted(name, methods, is_limited)
  local present, made = self.by_name[name], machine.new(name, is_limited)
  if methods then
    complete(methods)
  end
  made.methods = methods
  local next_chunk = present and present:snapshot()
  local ok, problem = applying.pcall(present and take_all or made.reset, made, next_chunk)
  if present then
    present:release()
    problem = not ok and ("machine %s cannot take over its state: %s"):format(errors.quote(name), error_text(problem))
  end
  if not ok then
    error(problem, 0)
  end
  return made
end

function Machines:replace(made)
  find(self, made.name)
  self.by_name[made.name] = made
end

-- Defines a machine of the script, and applies the commands that were kept for it. Raises as `converted` does, and if
-- the state has changed while one of the script's functions waited; then the commands are still kept.
function Machines:define(name, methods)
  local changes = self.changes
  local made = self:converted(name, methods)
  if self.changes ~= changes then
    errors.raise("cannot define machine %s: one of its functions waited, and the state has changed meanwhile",
      errors.quote(name))
  end
  self:replace(made)
end

-- Reports a problem that a machine has found with its state, once.
local function tell_problem(self, each)
  local problem = each.problem
  each.problem = nil
  if problem and problem ~= each.told_problem then
    each.told_problem = problem
    self.hooks.unsendable(problem)
  end
end

-- ---- the protocol's machine ----

-- A command for no machine (command.lua) does nothing; only its place in the order matters.
machines.NOTHING = "\0"

local function report_if_overfull(self, each)
  if each.bytes > KEPT_BYTES then
    self.hooks.overfull(each)
  end
end

-- Applies the commands `from` to `to` of a run to the machine `each`, at most until one raises an error. Returns how
-- many now have a result; the error is one.
local function apply_some(self, each, run, from, to, index, found)
  self.applying = each
  local before = applying.begin()
  local count, problem = each:apply(run, from, to, index, found)
  applying.finish(before)
  if problem ~= nil then
    found[from + count] = setmetatable({ problem = problem }, Failure)
    count = count + 1
  elseif not each.methods then
    report_if_overfull(self, each)
  elseif each.methods.changed then
    self.hooks.applied(each, each.command, found[to], index + to)
  end
  if each.problem then
    tell_problem(self, each)
  end
  return count
end

-- Applies a run from the position `from` on. If the machine has `changed`, commands are applied one by one, because it
-- must see the state after each.
local function apply_run(self, name, run, from, index, found)
  self.applied[name] = (self.applied[name] or 0) + run.last - from + 1
  while from <= run.last do
    local each = find(self, name) -- `changed` may put another one in its place
    local last = each.methods and each.methods.changed and from or run.last
    from = from + apply_some(self, each, run, from, last, index, found)
  end
  self.by_name[name].chain:remember()
end

local function apply_all(self, list, index, found)
  local from = 1
  while from <= #list do
    local name, prefix = command.address(list[from])
    if name then
      local run = command.run(list, from, prefix)
      apply_run(self, name, run, from, index, found)
      from = run.last + 1
    else
      found[from] = true
      from = from + 1
    end
  end
end

-- Applies commands with indices from `first` on. Returns their results. Those for callers of this member are copies: a
-- result may be a part of the state, which later commands change before the caller sees it.
function Machines:apply(list, first, is_for_callers)
  local found = results.new(is_for_callers)
  self.changes = self.changes + 1
  if self.damage then
    return found
  end
  local ok, problem = pcall(apply_all, self, list, first - 1, found)
  if not ok then
    self.damage = true
    applying.finish()
    self.hooks.damaged("undo a command whose apply raised an error", self.applying, problem)
  end
  return found
end

-- Sets a machine to its initial state. Returns whether the script's functions could make that state, as they could when
-- the machine was defined.
local function reset(self, each)
  local ok, problem = applying.pcall(script_calls.without_limits, each.reset, each)
  if not ok then
    self.damage = true
    self.hooks.damaged("make the initial state", each, problem)
  end
  return ok
end

function Machines:reset()
  self.changes = self.changes + 1
  for _, name in ipairs(self.names) do
    local each = self.by_name[name]
    if reset(self, each) and each.methods then
      self.hooks.restored(each)
    end
  end
end

function Machines:snapshot()
  return snapshot.new(self)
end

-- Returns an object that takes the chunks of a snapshot.
function Machines:begin_restore()
  return restoring.new(self)
end

-- Replaces all states by those that were restored from a snapshot.
function Machines:restore(restored)
  self.changes = self.changes + 1
  local taken = {}
  for _, each in ipairs(restored.taken) do
    taken[each.name] = each
  end
  for _, name in ipairs(self.names) do
    if not taken[name] then
      reset(self, self.by_name[name])
    end
  end
  for name, each in pairs(taken) do
    find(self, name)
    self.by_name[name] = each
  end
  for _, name in ipairs(self.names) do
    if self.by_name[name].methods then
      self.hooks.restored(self.by_name[name])
    end
  end
end

-- Returns by name of each machine the index of its last command, the digest of its results, and the state's digest if
-- `whole`.
function Machines:digests(whole)
  local found = {}
  for _, name in ipairs(self.names) do
    local each = self.by_name[name]
    if each.methods and each.chain.last then
      found[name] = { each.chain.last, each.chain.digest, whole and each:digest() or nil }
      tell_problem(self, each)
    end
  end
  return found
end

return machines
