---@meta corosync.replica
-- Written by `make types` from the doc comments.

--- Replicated state: state machines that are equal on all members of a group, and survive as long as a majority of the
--- cluster's nodes does. See [Replicated state](../topics/replica.md.html).
---
---    local replica = require "corosync.replica"
---    local app = assert(replica "shop")
---    local stock = app:machine("stock", {
---      apply = function(state, command) state[command.item] = (state[command.item] or 0) + command.count end,
---    })
---    assert(stock:submit { item = "tea", count = 3 })
---    print(stock.state.tea)
---@class corosync.replica
local module = {}

---@class corosync.replica.Machine
---@field name string The machine's name.
---@field state any The state on this member: all commands that this member knows to be confirmed are in it, and others may be confirmed already (see `barrier`).
local Machine = {}

--- Lets all members apply a command. Without a callback it waits for the result: a coroutine yields, other code handles
--- events until then. It always ends, after the replica's `timeout` at the latest.
---@param command string|table a string, or a table of strings, numbers, booleans and such tables; at most 64 MiB encoded
---@param callback? fun(result:any,message:string|nil,code:string|nil) called later with what would be returned
---@return any # what `apply` returned, or true if that was nothing; with a callback true. A majority of the nodes has the command then, and it will not be undone
---@return string|nil # why it failed
---@return string|nil # . Surely not applied: "not_ready" (not within `timeout`), "full" (`window` commands of this member wait), "too_big", "not_connected", "closed", "dispatching" (inside `apply`, or where nothing can wait); "raised": `apply` raised this error on all members, and the state is unchanged; "uncertain": it may have been applied, or may be later; "applied": it was, but its result is not known here
function Machine:submit(command, callback) end

---@class corosync.replica.Replica
local Replica = {}

--- Returns the map of a name. All members with this name have the same; there is no need to make it.
---@param name string 1 to 64 bytes
---@return corosync.replica.map
function Replica:map(name) end

---@class corosync.replica.Replica.machine.methods
---@field apply fun(state:any,command:string|table,at:integer):any changes the state and returns the command's result. `at` is the command's index, the same on all members. It may depend on nothing but its arguments, and must have no effect but on the state: large states are kept twice, and commands are applied to both
---@field initial? fun():any makes the first state; without it that is an empty table
---@field changed? fun(state:any,command:string|table,result:any,at:integer) called after a command was applied
---@field restored? fun(state:any) called when the state was replaced by another member's
---@field snapshot? fun(state:any):string encodes a state; without it a state is a plain table
---@field restore? fun(encoded:string):any makes a state of what `snapshot` returned
---@field codec? table the functions `encode` and `decode` for commands that are tables, instead of MessagePack

--- Defines a state machine. Members must define the same machines with the same functions; a member whose script lacks
--- one keeps the commands for it, so scripts can be replaced one after another.
---@param name string 1 to 64 bytes
---@param methods corosync.replica.Replica.machine.methods
---@return corosync.replica.Machine
function Replica:machine(name, methods) end

--- A lock of that name, which at most one process in the replica holds. Making it does not acquire it.
---@param name string 1 to 128 bytes; those that begin with "leader/" are for elections
---@return corosync.replica.lock
function Replica:lock(name) end

---@class corosync.replica.Replica.leader.handlers
---@field elected fun(token:integer) called when this process leads; the token is that of a lock
---@field deposed? fun(reason:string) called when it leads no more: "resigned", or as a lock's `lost`

--- Stands for election until the replica is closed: one member at a time is elected, in the order in which they came.
--- `elected` and `deposed` are called in turn, as coroutines. Called again without `handlers`, it returns the same
--- object.
---@param name string 1 to 120 bytes; the leader holds the lock "leader/" .. name
---@param handlers? corosync.replica.Replica.leader.handlers
---@return corosync.replica.leader
function Replica:leader(name, handlers) end

--- Runs a function again and again, each time on exactly one of the members that have called this. A tick, which has a
--- number that follows from the time, runs at most once, ever: not if the member ends that was to run it. If no member
--- could run it before the next is due, it is missed. Ticks may overlap: a lock keeps them apart.
---
--- Clocks and time zones of the nodes should agree. The first member that finds a tick due runs it, so one whose clock
--- is ahead runs some early, and they do not run again; the others report that. Without `storage`, the numbers are
--- forgotten when all members have ended; then the next tick to run is the first that becomes due after the start.
---@param name string 1 to 64 bytes
---@param spec number|table seconds, at least 1; or `{ at = "02:30" }`, local time each day. When the clock is put forward over that time, it is due then; when the clock is put back to before it, it does not run again
---@param f fun(tick:integer,token:integer,missed:integer) called as a coroutine, with the tick's number, a token that is greater than those of earlier ticks, and how many ticks before this one were missed since the last that ran
function Replica:every(name, spec, f) end

--- Waits for all commands that were confirmed anywhere before this call: reads of `state` after it are linearizable.
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil) called later with what would be returned
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as `submit`
function Replica:barrier(callback) end

--- Lets other members call functions of this one, and this one call theirs. See `corosync.replica.calls`.
---@param functions table by name; they run in a coroutine, get the caller's arguments and return one value: strings, numbers, booleans, and tables of these
---@return corosync.replica.calls.Calls
function Replica:calls(functions) end

--- What the member does at present.
---@return string # "blocked" (the members have not agreed on a state to go on from), "learning" (it is getting the state), "ready", or "observing" (an observer that has the state)
---@return string|nil # the generation: what the members agreed on last
---@return integer|nil # the index of the last command that this member has applied
---@return corosync.cpg.address[] # the members that have the state and confirm commands ("full")
---@return corosync.cpg.address[] # the members that are getting it
---@return string|nil # why it is not ready
function Replica:status() end

--- Leaves the replica, for good. Commands that wait end with "closed" if they were not sent, else with "uncertain".
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as a group's `deactivate`
function Replica:close() end

--- With `loop = false`: handles the events that wait, without blocking. Call it when `fd` is readable and at least
--- once in `timeout()` seconds.
---@param budget? integer the most events to handle (default: 1000)
---@return integer|nil # how many were handled
---@return boolean|string # whether more wait; or why it failed
---@return string|nil # "not_joined" (it is closed), "dispatching"
function Replica:dispatch(budget) end

--- With `loop = false`: the descriptor to wait for, as a group's.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "not_joined"
function Replica:fd() end

--- The descriptor for controllers of cqueues: `cqueues.poll(app)` waits until `dispatch` has something to do.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "no_resources"
function Replica:pollfd() end

--- The events to wait for on the descriptor, for cqueues.
---@return string # "r"
function Replica:events() end

--- How long to wait on the descriptor at most before the next `dispatch`, for cqueues and other loops.
---@return number # seconds
function Replica:timeout() end

--- The methods of all replicas.
---@type corosync.replica.Replica
module.Replica = nil

---@class corosync.replica.new.options
---@field ready? fun() called each time commands can be confirmed
---@field suspended? fun(reason:string) called when they cannot any more
---@field error? fun(message:string) called with problems, as errors in the script's functions
---@field timeout? number seconds after which a submit ends (default: 10)
---@field patience? number seconds after which a silent member no longer holds up the others (default: 5)
---@field window? integer how many commands of this member may wait for their results (default: 8192)
---@field storage? string path of a file (SQLite) that keeps the state; without it the state is in memory, or below the folder that `cpgrun --storage` names
---@field copies? integer how many nodes must have a command before it is confirmed, instead of a majority. With fewer, confirmed commands can be lost
---@field observer? boolean follows the state and submits, and never counts as one that has it (default: false)
---@field loop? boolean false leaves `dispatch` to the caller (default: true)

--- Makes this process a member of a replica: the same as calling the module. It joins the packed group `name ..
--- ".replica"` on `corosync.loop`; define the machines before the loop runs.
---@param name string 1 to 120 bytes
---@param options? corosync.replica.new.options
---@return corosync.replica.Replica|nil
---@return string|nil # why it failed
---@return string|nil # as a group's `activate`
function module.new(name, options) end

return module
