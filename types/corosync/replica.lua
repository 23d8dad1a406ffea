---@meta corosync.replica
-- Written by `make types` from the doc comments.

--- Replicated state: state machines that are equal on all members of a group. The state survives as long as a majority
--- of the cluster's nodes keeps it. See [Replicated state](../topics/replica.md.html).
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

---@class corosync.replica.Replica
local Replica = {}

--- Returns the map of a name. All members of the replica share it; it need not be created.
---@param name string 1 to 64 bytes
---@return corosync.replica.map
function Replica:map(name) end

---@class corosync.replica.Replica.machine.methods
---@field apply fun(state:any,command:string|table,at:integer):any changes the state and returns the command's result. `at` is the command's index, the same on all members. `apply` may depend on nothing but its arguments, and must change nothing but the state: large states are kept twice, and commands are applied to both
---@field initial? fun():any returns the initial state (default: an empty table)
---@field changed? fun(state:any,command:string|table,result:any,at:integer) called after a command was applied
---@field restored? fun(state:any) called when the state was replaced by another member's
---@field snapshot? fun(state:any):string encodes a state; without it a state is a plain table
---@field restore? fun(encoded:string):any decodes a state that `snapshot` has encoded
---@field codec? table the functions `encode` and `decode` for commands that are tables, instead of MessagePack

--- Defines a state machine. All members must define the same machines with the same functions. A member whose script
--- lacks a machine keeps the commands for it, so scripts can be upgraded one after another.
---@param name string 1 to 64 bytes
---@param methods corosync.replica.Replica.machine.methods
---@return corosync.replica.Machine
function Replica:machine(name, methods) end

--- Returns the lock of a name, which at most one process in the replica holds. This does not acquire it.
---@param name string 1 to 128 bytes; names that begin with "leader/" are for elections
---@return corosync.replica.lock
function Replica:lock(name) end

---@class corosync.replica.Replica.leader.handlers
---@field elected fun(token:integer) called when this process leads; the token is that of a lock
---@field deposed? fun(reason:string) called when this process no longer leads: "resigned", or the reasons of a lock's `lost`

--- Stands for election until the replica is closed. One member at a time is elected, in the order of their requests.
--- `elected` and `deposed` are called in turn, as coroutines. A later call without `handlers` returns the same object.
---@param name string 1 to 120 bytes; the leader holds the lock "leader/" .. name
---@param handlers? corosync.replica.Replica.leader.handlers
---@return corosync.replica.leader
function Replica:leader(name, handlers) end

--- Runs a function periodically, each time on one of the members that have called this. Each tick has a number that
--- follows from the time, and runs at most once, ever. It does not run if the member that was to run it ends first. A
--- tick that no member could run before the next one is due is missed. Runs may overlap, unless they take a lock.
---
--- Clocks and time zones of the nodes should agree. The first member that finds a tick due runs it, so a member whose
--- clock is ahead runs ticks too early, and they do not run again; the others report that. Without `storage`, the
--- numbers are lost when all members have ended. Then the first tick that becomes due after the start is the next to
--- run.
---@param name string 1 to 64 bytes
---@param spec number|table seconds, at least 1; or `{ at = "02:30" }`, local time each day. When the clock is put forward past that time, the tick is due at once; when it is put back to before that time, the tick does not run again. So it runs once on days on which daylight saving time skips or repeats that time
---@param f fun(tick:integer,token:integer,missed:integer) called as a coroutine, with the tick's number, a token that is greater than those of earlier ticks, and how many ticks were missed since the last one that ran
function Replica:every(name, spec, f) end

--- Waits for all commands that were confirmed anywhere before this call: reads of `state` after it are linearizable.
---@param callback? fun(result:boolean|nil,message:string|nil,code:string|nil) called later with the result or the failure, but not if this call fails
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as for `submit`
function Replica:barrier(callback) end

--- Lets other members call functions of this member, and this member call theirs. See `corosync.replica.calls`.
---@param functions table by name; they run in a coroutine, so they can wait (not in Lua 5.1, where a coroutine cannot yield within a protected call). They get the caller's arguments and return one value: strings, numbers, booleans, and tables of these
---@return corosync.replica.calls.Calls
function Replica:calls(functions) end

--- The member's status.
---@return string # "blocked" (the members have not agreed on a state to go on from), "learning" (it is getting the state, or what it has stored must be confirmed again), "ready", or "observing" (an observer that has the state)
---@return string|nil # the generation: a text that names the members' latest agreement on a state
---@return integer|nil # the index of the last command that this member has applied
---@return corosync.cpg.address[] # the members that have the state and confirm commands ("full")
---@return corosync.cpg.address[] # the members that are getting the state, and the observers ("learners")
---@return string|nil # why the member is not ready
function Replica:status() end

--- This member's own address, to compare with those of other methods, such as a lock's `holder`.
---@return corosync.cpg.address|nil
---@return string|nil # why it failed
---@return string|nil # of a closed replica, as `cpg.open`; in nginx "not_connected" before the first connection
function Replica:address() end

--- Leaves the replica for good. Waiting commands end with "closed" if they were not sent, else with "uncertain".
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # as for a group's `deactivate`
function Replica:close() end

--- With `loop = false`: handles waiting events, without blocking. Call it when `fd` is readable, and at least once in
--- `timeout()` seconds.
---@param budget? integer the most events to handle (default: 1000)
---@return integer|nil # how many were handled
---@return boolean|string # whether more wait; or why it failed
---@return string|nil # "not_joined" (it is closed), "dispatching"
function Replica:dispatch(budget) end

--- With `loop = false`: the descriptor to wait for, as for a group.
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

--- The longest time to wait on the descriptor before the next `dispatch`, for cqueues and other loops.
---@return number # seconds
function Replica:timeout() end

--- The methods of all replicas.
---@type corosync.replica.Replica
module.Replica = nil

---@class corosync.replica.new.options
---@field ready? fun() called when the member becomes "ready" or "observing"
---@field suspended? fun(reason:string) called when it no longer is
---@field error? fun(message:string) called with each problem, such as an error in one of the script's functions
---@field timeout? number seconds after which a submit ends (default: 10)
---@field patience? number seconds after which a silent member no longer holds up the others (default: 5)
---@field window? integer how many commands of this member may wait for their results (default: 8192)
---@field storage? string path of an SQLite file that keeps the state; without it the state is in memory, or in the folder of `cpgrun --storage`
---@field copies? integer how many nodes must have a command before it is confirmed, if fewer than a majority. Then confirmed commands can be lost
---@field observer? boolean whether the member only follows the state and submits, and never counts towards a majority (default: false)
---@field loop? boolean false leaves `dispatch` to the caller (default: true)

--- Makes this process a member of a replica: the same as calling the module. It joins the packed group `name ..
--- ".replica"` on `corosync.loop`; define the machines before the loop runs.
---@param name string 1 to 120 bytes
---@param options? corosync.replica.new.options
---@return corosync.replica.Replica|nil
---@return string|nil # why it failed
---@return string|nil # "exist" (this process is already a member of that replica), "dispatching" (called from a callback of an earlier replica of that name, which was closed), those of a group's `activate`, and those of the storage
function module.new(name, options) end

---@class corosync.replica.Machine
---@field name string The machine's name.
---@field state any The state on this member, with all commands that this member knows to be confirmed.
local Machine = {}

--- Lets all members apply a command. Without a callback it waits for the result: a coroutine yields, other code handles
--- events until then. It always ends within the replica's `timeout`.
---@param command string|table a string, or a table of strings, numbers, booleans and such tables; at most 64 MiB encoded
---@param callback? fun(result:any,message:string|nil,code:string|nil) called later with the result or the failure, but not if this call fails
---@return any # the result of `apply`, or true if it returned nothing; with a callback true. When there is a result, a majority of the nodes has the command, and it will not be undone
---@return string|nil # why it failed
---@return string|nil # . Not applied: "not_ready" (not within `timeout`), "full" (`window` commands of this member wait), "too_big", "not_connected", "closed", "dispatching" (inside `apply`, `initial`, `snapshot` or `restore`, or where nothing can wait). "raised": `apply` raised this error on all members, and the state is unchanged. "uncertain": the command may have been applied, or may be applied later, also if `apply` ran out of time or memory here. "applied": it was applied, but its result is not known here
function Machine:submit(command, callback) end

return module
