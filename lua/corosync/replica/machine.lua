-- The public object of a state machine that the script has defined.

--- @module corosync.replica

local arguments = require "corosync.replica.arguments"
local error_text = require "corosync.error_text"
local errors = require "corosync.errors"
local plain = require "corosync.replica.machines.plain"
local waiting = require "corosync.replica.waiting"

local MEMBER = {} -- the key of a machine's member
local WHAT = {} -- the key of the words for `submit` in error messages

--- A replicated state machine, made by a replica's `machine`.
-- @type Machine
local Machine = {}

--- The machine's name.
-- @tfield string name

--- The state on this member, with all commands that this member knows to be confirmed. Later ones may be confirmed
-- already (see `barrier`). Only `apply` may change the state.
-- @tfield any state

-- The metatable of a machine's object, which has the field `state` and the methods.
local metatable = {
  __newindex = function(self, key, value)
    if key == "state" then
      errors.raise "the state of a machine cannot be set: only its apply may change it"
    end
    rawset(self, key, value)
  end,
  __index = function(self, key)
    if key == "state" then
      return self[MEMBER].machines.by_name[self.name].state
    end
    return Machine[key]
  end,
}

local function encode_table(machine, command)
  local problem = machine.methods.is_plain and plain.check(command)
  if problem then
    errors.raise("bad argument #1 'command' to 'submit' (%s: only strings, numbers, booleans and tables of these "
      .. "can be sent)", problem)
  end
  local ok, data = pcall(machine.encode, machine, command)
  if not ok then
    errors.raise("bad argument #1 'command' to 'submit' (the machine's codec cannot encode it: %s)", error_text(data))
  end
  return data
end

--- Lets all members apply a command. Without a callback it waits for the result: a coroutine yields, other code handles
-- events until then. It always ends within the replica's `timeout`.
-- @tparam string|table command a string, or a table of strings, numbers, booleans and such tables; at most 64 MiB
-- encoded
-- @tparam[opt] fun(result:any,message:string|nil,code:string|nil) callback called later with the result or the failure,
-- but not if this call fails
-- @treturn any the result of `apply`, or true if it returned nothing; with a callback true. When there is a result, a
-- majority of the nodes has the command, and it will not be undone
-- @error nil, message, code. Not applied: "not_ready" (not within `timeout`), "full" (`window` commands of this member
-- wait), "too_big", "not_connected", "closed", "dispatching" (inside `apply`,
-- `initial`, `snapshot` or `restore`, or where nothing can wait). "raised":
-- `apply` raised this error on all members, and the state is unchanged. "uncertain": the command may have been applied,
-- or may be applied later, also if `apply` ran out of time or memory here. "applied": it was applied, but its result is
-- not known here
-- @raise for a command that cannot be encoded
function Machine:submit(command, callback)
  local kind = type(command)
  if kind ~= "string" and kind ~= "table" then
    errors.raise("bad argument #1 'command' to 'submit' (string or table expected, got %s)", kind)
  end
  arguments.callback(callback, 2, "submit")
  local member = self[MEMBER]
  local machine = member.machines.by_name[self.name]
  local data = kind == "table" and encode_table(machine, command) or machine:encode(command)
  return waiting.submit(member, self[WHAT], data, callback)
end

errors.guard_methods(Machine, MEMBER, "machine")

-- Returns the object of the machine of that name, which the member's machines have.
return function(member, name)
  return setmetatable({
    name = name,
    [MEMBER] = member,
    [WHAT] = ("submit to machine %s of"):format(errors.quote(name)),
  }, metatable)
end
