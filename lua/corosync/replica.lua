--- Replicated state: state machines that are equal on all members of a group. The state survives as long as a majority
-- of the cluster's nodes keeps it. See [Replicated state](../topics/replica.md.html).
--
--    local replica = require "corosync.replica"
--    local app = assert(replica "shop")
--    local stock = app:machine("stock", {
--      apply = function(state, command) state[command.item] = (state[command.item] or 0) + command.count end,
--    })
--    assert(stock:submit { item = "tea", count = 3 })
--    print(stock.state.tea)
--
-- @module corosync.replica

local arguments = require "corosync.replica.arguments"
local calls = require "corosync.replica.calls"
local errors = require "corosync.errors"
local every = require "corosync.replica.every"
local handover = require "corosync.replica.handover"
local in_loop = require "corosync.replica.in_loop"
local inspection = require "corosync.replica.inspection"
local leader = require "corosync.replica.leader"
local lock = require "corosync.replica.lock"
local map = require "corosync.replica.map"
local members = require "corosync.replica.member"
local new_machine = require "corosync.replica.machine"
local parts = require "corosync.replica.parts"
local registry = require "corosync.replica.registry"
local script_calls = require "corosync.script_calls"

local LONGEST_NAME = 128 - #members.SUFFIX

local MEMBER = {} -- the key of a replica's member

--- A member of a replica, made by `replica(name, options)`.
-- @type Replica
local Replica = {}
Replica.__index = Replica

--- Returns the map of a name. All members of the replica share it; it need not be created.
-- @tparam string name 1 to 64 bytes
-- @treturn corosync.replica.map
-- @raise for a wrong name
function Replica:map(name)
  arguments.name(name, 64, "map")
  return map.new(self[MEMBER], name)
end

--- Defines a state machine. All members must define the same machines with the same functions. A member whose script
-- lacks a machine keeps the commands for it, so scripts can be upgraded one after another.
-- @tparam string name 1 to 64 bytes
-- @tparam table methods
-- @tparam fun(state:any,command:string|table,at:integer):any methods.apply changes the state and returns the command's
-- result. `at` is the command's index, the same on all members. `apply` may depend on nothing but its arguments, and
-- must change nothing but the state: large states are kept twice, and commands are applied to both
-- @tparam[opt] fun():any methods.initial returns the initial state (default: an empty table)
-- @tparam[opt] fun(state:any,command:string|table,result:any,at:integer) methods.changed called after a command was
-- applied
-- @tparam[opt] fun(state:any) methods.restored called when the state was replaced by another member's
-- @tparam[opt] fun(state:any):string methods.snapshot encodes a state; without it a state is a plain table
-- @tparam[opt] fun(encoded:string):any methods.restore decodes a state that `snapshot` has encoded
-- @tparam[opt] table methods.codec the functions `encode` and `decode` for commands that are tables, instead of
-- MessagePack
-- @treturn Machine
-- @raise for wrong arguments, and for a name that the replica has already
function Replica:machine(name, methods)
  arguments.name(name, 64, "machine")
  if name == parts.NAME then
    errors.raise("bad argument #1 'name' to 'machine' ('%s' is reserved for the library)", name)
  end
  arguments.methods(methods)
  local member = self[MEMBER]
  if member.objects[name] then
    errors.raise("bad argument #1 'name' to 'machine' (machine '%s' is defined already)", name)
  end
  local own = {}
  for field, value in pairs(methods) do
    own[field] = value
  end
  if member.handover then
    member.handover.machines[name] = own
    table.insert(member.handover.names, name)
  else
    member.machines:define(name, own)
  end
  member.objects[name] = new_machine(member, name)
  return member.objects[name]
end

--- Returns the lock of a name, which at most one process in the replica holds. This does not acquire it.
-- @tparam string name 1 to 128 bytes; names that begin with "leader/" are for elections
-- @treturn corosync.replica.lock
-- @raise for wrong arguments
-- @usage
-- local held = assert(app:lock "backup":acquire { timeout = 5, lost = function() os.exit(1) end })
-- storage:write(data, held.token)
-- held:release()
function Replica:lock(name)
  arguments.name(name, 128, "lock")
  return lock.new(self[MEMBER], name)
end

--- Stands for election until the replica is closed. One member at a time is elected, in the order of their requests.
-- `elected` and `deposed` are called in turn, as coroutines. A later call without `handlers` returns the same object.
-- @tparam string name 1 to 120 bytes; the leader holds the lock "leader/" .. name
-- @tparam[opt] table handlers
-- @tparam fun(token:integer) handlers.elected called when this process leads; the token is that of a lock
-- @tparam[opt] fun(reason:string) handlers.deposed called when this process no longer leads: "resigned", or the reasons
-- of a lock's `lost`
-- @treturn corosync.replica.leader
-- @raise for wrong arguments, and if `handlers` were given before
function Replica:leader(name, handlers)
  arguments.name(name, 120, "leader")
  return leader.new(self[MEMBER], name, handlers)
end

--- Runs a function periodically, each time on one of the members that have called this. Each tick has a number that
-- follows from the time, and runs at most once, ever. It does not run if the member that was to run it ends first. A
-- tick that no member could run before the next one is due is missed. Runs may overlap, unless they take a lock.
--
-- Clocks and time zones of the nodes should agree. The first member that finds a tick due runs it, so a member whose
-- clock is ahead runs ticks too early, and they do not run again; the others report that. Without `storage`, the
-- numbers are lost when all members have ended. Then the first tick that becomes due after the start is the next to
-- run.
-- @tparam string name 1 to 64 bytes
-- @tparam number|table spec seconds, at least 1; or `{ at = "02:30" }`, local time each day. When the clock is put
-- forward past that time, the tick is due at once; when it is put back to before that time, the tick does not run
-- again. So it runs once on days on which daylight saving time skips or repeats that time
-- @tparam fun(tick:integer,token:integer,missed:integer) f called as a coroutine, with the tick's number, a token that
-- is greater than those of earlier ticks, and how many ticks were missed since the last one that ran
-- @raise for wrong arguments
function Replica:every(name, spec, f)
  arguments.name(name, 64, "every")
  every.add(self[MEMBER], name, spec, f)
end

--- Waits for all commands that were confirmed anywhere before this call: reads of `state` after it are linearizable.
-- @tparam[opt] fun(result:boolean|nil,message:string|nil,code:string|nil) callback called later with the result or the
-- failure, but not if this call fails
-- @treturn boolean true
-- @error nil, message, code, as for `submit`
function Replica:barrier(callback)
  arguments.callback(callback, 1, "barrier")
  return parts.barrier(self[MEMBER], "make a barrier in", callback)
end

--- Lets other members call functions of this member, and this member call theirs. See @{corosync.replica.calls}.
-- @tparam table functions by name; they run in a coroutine, so they can wait (not in Lua 5.1, where a coroutine cannot
-- yield within a protected call). They get the caller's arguments and return one value: strings, numbers, booleans, and
-- tables of these
-- @treturn corosync.replica.calls.Calls
-- @raise for wrong arguments, and at a second call
function Replica:calls(functions)
  local member = self[MEMBER]
  if type(functions) ~= "table" then
    errors.raise("bad argument #1 'functions' to 'calls' (table expected, got %s)", type(functions))
  elseif member.has_functions then
    errors.raise "bad call of 'calls': it was called before on this replica"
  end
  local own, exchange = calls.new(member, functions)
  member.has_functions = true
  if member.handover then
    member.handover.calls = exchange
  else
    member.calls = exchange
  end
  return own
end

--- The member's status.
-- @treturn string "blocked" (the members have not agreed on a state to go on from), "learning" (it is getting the
-- state, or what it has stored must be confirmed again), "ready", or "observing" (an observer that has the state)
-- @treturn string|nil the generation: a text that names the members' latest agreement on a state
-- @treturn integer|nil the index of the last command that this member has applied
-- @treturn corosync.cpg.address[] the members that have the state and confirm commands ("full")
-- @treturn corosync.cpg.address[] the members that are getting the state, and the observers ("learners")
-- @treturn string|nil why the member is not ready
function Replica:status()
  return inspection.status(self[MEMBER])
end

--- This member's own address, to compare with those of other methods, such as a lock's `holder`.
-- @treturn corosync.cpg.address
-- @error nil, message, code, of a closed replica, as `cpg.open`; in nginx "not_connected" before the first connection
function Replica:address()
  return self[MEMBER].group:address()
end

--- Leaves the replica for good. Waiting commands end with "closed" if they were not sent, else with "uncertain".
-- @treturn boolean true
-- @error nil, message, code, as for a group's `deactivate`
function Replica:close()
  return self[MEMBER]:close()
end

--- With `loop = false`: handles waiting events, without blocking. Call it when `fd` is readable, and at least once in
-- `timeout()` seconds.
-- @tparam[opt=1000] integer budget the most events to handle
-- @treturn integer how many were handled
-- @treturn boolean whether more wait
-- @error nil, message, code: "not_joined" (it is closed), "dispatching"
-- @raise for a wrong budget
function Replica:dispatch(budget)
  if budget ~= nil and not (type(budget) == "number" and budget >= 0) then
    errors.raise("bad argument #1 'budget' to 'dispatch' (a number of at least 0 expected, got %s)", tostring(budget))
  end
  return self[MEMBER]:dispatch(budget)
end

--- With `loop = false`: the descriptor to wait for, as for a group.
-- @treturn integer
-- @error nil, message, code: "not_joined"
function Replica:fd()
  return self[MEMBER]:fd()
end

--- The descriptor for controllers of cqueues: `cqueues.poll(app)` waits until `dispatch` has something to do.
-- @treturn integer
-- @error nil, message, code: "no_resources"
-- @usage
-- controller:wrap(function()
--   while app:dispatch() do cqueues.poll(app) end
-- end)
function Replica:pollfd()
  return self[MEMBER].group:pollfd()
end

--- The events to wait for on the descriptor, for cqueues.
-- @treturn string "r"
function Replica:events() -- luacheck: ignore 212
  return "r"
end

--- The longest time to wait on the descriptor before the next `dispatch`, for cqueues and other loops.
-- @treturn number seconds
function Replica:timeout()
  return self[MEMBER]:timeout()
end

errors.guard_methods(Replica, MEMBER, "app")

function Replica:__tostring()
  local member = self[MEMBER]
  return ("corosync.replica %s (%s)"):format(errors.quote(member.name), (member:state()))
end

local function object_of(member)
  return setmetatable({ name = member.name, [MEMBER] = member }, Replica)
end

local function make(name, options, kind)
  local member, message, code = members.new(name, options, kind.new_group)
  if not member then
    return nil, message, code
  end
  member.objects = {}
  parts.define(member)
  local ok
  ok, message, code = kind.start(member)
  if not ok then
    member:abandon()
    return nil, message, code
  end
  return object_of(member)
end

-- Makes a replica. `kind` (in_loop.lua, resty/replica.lua) has the functions `new_group(name, handlers, hooks)`, which
-- makes its group, and `start(member)`.
local function new_of_kind(name, given, kind)
  arguments.name(name, LONGEST_NAME, "replica")
  return script_calls.waiting(make, name, arguments.options(given), kind)
end

-- Passes the replica of an earlier script to the script that replaces it.
local function adopt(member, options)
  local ok, message, code = handover.adopt(member, options)
  if not ok then
    return nil, message, code
  end
  return object_of(member)
end

--- The functions of the module.
-- @section functions

--- The methods of all replicas.
-- @tfield Replica Replica

--- Makes this process a member of a replica: the same as calling the module. It joins the packed group `name ..
-- ".replica"` on `corosync.loop`; define the machines before the loop runs.
-- @tparam string name 1 to 120 bytes
-- @tparam[opt] table options
-- @tparam[opt] fun() options.ready called when the member becomes "ready" or "observing"
-- @tparam[opt] fun(reason:string) options.suspended called when it no longer is
-- @tparam[opt] fun(message:string) options.error called with each problem, such as an error in one of the script's
-- functions
-- @tparam[opt=10] number options.timeout seconds after which a submit ends
-- @tparam[opt=5] number options.patience seconds after which a silent member no longer holds up the others
-- @tparam[opt=8192] integer options.window how many commands of this member may wait for their results
-- @tparam[opt] string options.storage path of an SQLite file that keeps the state; without it the state is in memory,
-- or in the folder of `cpgrun --storage`
-- @tparam[opt] integer options.copies how many nodes must have a command before it is confirmed, if fewer than a
-- majority. Then confirmed commands can be lost
-- @tparam[opt=false] boolean options.observer whether the member only follows the state and submits, and never counts
-- towards a majority
-- @tparam[opt=true] boolean options.loop false leaves `dispatch` to the caller
-- @treturn Replica
-- @error nil, message, code: "exist" (this process is already a member of that replica), "dispatching" (called from a
-- callback of an earlier replica of that name, which was closed), those of a group's `activate`, and those of the
-- storage
-- @function new
-- @raise for wrong arguments
local function new(name, given)
  if ngx then -- luacheck: globals ngx
    errors.raise "in nginx make a replica with corosync.resty: corosync_resty.replica(name, options)"
  end
  local present = type(name) == "string" and handover.find(name)
  if present then
    return adopt(present, arguments.options(given))
  end
  if type(name) == "string" and registry.members()[name] then
    return nil, ("cannot make replica %s: this process is already a member of it, perhaps through a global of cpgrun "
      .. "such as 'map': use that replica or close it first"):format(errors.quote(name)), "exist"
  end
  local made, message, code = new_of_kind(name, given, in_loop)
  if made then
    handover.add(made[MEMBER])
  end
  return made, message, code
end

return setmetatable({ Replica = Replica, new = new, new_of_kind = new_of_kind },
  { __call = function(_, ...) return new(...) end })
