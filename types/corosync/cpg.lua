---@meta corosync.cpg
-- Written by `make types` from the doc comments.

--- Closed process groups: the userdata over libcpg. It also has the methods that all handles share, see
--- `corosync.handle` and `corosync.events`.
---
---    local cpg = require "corosync.cpg"
---    local handle = assert(cpg.open {
---      message_received = function(address, message) print(address, message) end,
---      config_change = function(members, left, joined) print(#members) end,
---    })
---    assert(handle:join "chat")
---    assert(handle:send "hello")
---    while handle:wait(10) do
---      assert(handle:dispatch())
---    end
---
--- A thread that dispatches needs 2 MiB of stack, see `corosync.events`.
---@class corosync.cpg
local module = {}

--- A member. The same member is the same table in every handler, so it can be a key; `==` compares across handles, `<`
--- orders by node and pid, and `tostring` returns "node:pid".
---@class corosync.cpg.address
---@field node integer the node's id
---@field pid integer
---@field reason string|nil why the member last joined or left: "join", "leave", "nodedown", "nodeup" or "procdown"; nil for a member that had joined before this handle

--- A ring's id. The two sides of a partition have different ones.
---@class corosync.cpg.ring
---@field node integer the id of the node that formed it
---@field seq integer|string its number. A seq that no number of this Lua represents exactly (from 2^63 on, before Lua 5.3 beyond 2^53) is a string of 20 digits with leading zeros: such strings compare and order as the integers do, and come after any number

---@class corosync.cpg.handle: corosync.handle, corosync.events
local handle = {}

--- This process's own address, as members see it.
---@return corosync.cpg.address|nil
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process"
function handle:address() end

--- The longest message that Corosync delivers as one; with `pack`, the handle's `limit`. Calls
--- `cpg_max_atomic_msgsize_get`.
---@return integer|nil # bytes
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process", "not_connected"
function handle:max_message_size() end

--- Corosync's flow control state. It means nothing: Corosync 3 never sets it, so it is always false. With a full queue
--- send fails with "try_again". Calls `cpg_flow_control_state_get`.
---@return boolean|nil # whether flow control is on
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process", "not_connected"
function handle:flow_control() end

---@class corosync.cpg.open.handlers
---@field message_received? fun(address:corosync.cpg.address,message:string) called for each message
---@field config_change? fun(members:corosync.cpg.address[],left:corosync.cpg.address[],joined:corosync.cpg.address[]) called when the membership has changed. The lists are right at any size, although libcpg lists at most 128 members: where its lists do not suffice, the handle reads Corosync's own list, which blocks while Corosync is paused. More than 128 members of a group on nodes that leave or join at once make Corosync's daemon abort.
---@field ring_change? fun(ring:corosync.cpg.ring,nodes:integer[]) called with the new ring and the ids of its nodes
---@field error? fun(message:string) called with the message and traceback of an error in a handler; without it they go to stderr
---@field pack? boolean|table put many small messages into one Corosync message and cut long messages into pieces: see [Packing](../topics/packing.md.html). It is true, or a table with `bytes`, the size of a full frame (16000; with datagram sockets at most that), and `limit`, the longest message (64 MiB). All members of a group must pack, or none: messages from members that do not are dropped and reported through `error`. With `pack`, `send` returns once the message is in the frame, the default of `window` is 8192, and the handle uses two more descriptors. (default: false)
---@field split? boolean let libcpg cut messages longer than max_message_size() into pieces. Such a message is not atomic: members that join meanwhile may miss one delivered in their own configuration, a change of the configuration makes the send fail with "interrupt" (nothing was delivered, and the script must send it again), and the send blocks for up to 1 s a piece while Corosync's queue is full. Use it only for long messages to C programs that do not know frames; otherwise use `pack`. (default: false)
---@field window? integer the most of the handle's own messages that may be in flight; their bytes are limited as well (see `reader`). Beyond it, send fails with "try_again" until some have come back: `dispatch`, `receive` or `fetch` take them from the daemon. The window keeps libcpg from spinning: while a daemon is paused, the 279th send would. (default: 256)
---@field reader? boolean|table true or a table for a stand-by thread. The daemon stores events that no member takes without bound, so the thread takes events that have waited there for `after` seconds (0.02). It stores up to `limit` bytes (64 MiB) for the next dispatch. At the limit the handle leaves its group and drops later events; dispatch fails with "overflow" after the stored ones. With `full = "stop"` the thread only stops taking events; the default is "leave". At most a quarter of the limit (of 64 MiB without a reader) may be the handle's own messages that wait to be handled: beyond it, send fails with "backlog" until some have been handled, so that no sender fills its own queue. Other members' messages do not count, nor does a single message of any size. (default: false)
---@field lagged? fun(seconds:number,events:integer,bytes:integer) called before the next event when events have waited for `after` seconds, again whenever that time has doubled, and whenever the reader has taken some: with about how long the oldest has waited, and the number and bytes of all that wait
---@field daemon_user? integer the id of the user that the daemon must run as, else open fails with "access"; without it root and this process's user are trusted. Any program can take the names of Corosync's sockets while it is down.
---@field previous? corosync.cpg.handle an earlier handle, closed or not, whose addresses this one reuses: the same member is then the same table in both

--- Connects to the local Corosync. The handle is in no group yet.
--- The handle uses the table itself: a handler replaced in it is called for the next event.
--- Calls `cpg_model_initialize` with model v1; takes about 15 ms and 3 MB of /dev/shm.
---@param handlers corosync.cpg.open.handlers
---@return corosync.cpg.handle|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full), "no_memory", "no_resources" (open files); raises for an unknown field or one of the wrong type
function module.open(handlers) end

--- Raises if `open` would refuse the table, and opens nothing.
---@param handlers corosync.cpg.open.handlers
function module.check(handlers) end

--- Returns the numbers of messages that the handle has sent and received since it was opened, and of events that wait for
--- its handlers. Makes no calls to Corosync.
---@return corosync.cpg.counters|nil
---@return string|nil # why it failed
---@return string|nil # "closed", "wrong_process"
function handle:counters() end

--- The result of `counters`.
---@class corosync.cpg.counters
---@field sent integer messages that were accepted
---@field sent_bytes integer their size
---@field received integer messages that were passed to handlers, or that `receive` returned
---@field received_bytes integer their size
---@field waiting integer events that wait for handlers
---@field waiting_bytes integer the memory of these events
---@field backlog integer bytes of the handle's own messages that wait for handlers: part of `waiting_bytes`
---@field lag number seconds that the oldest waiting event has waited, at least

--- Joins a group. The join is complete once config_change lists this process in `joined`; sends are accepted at once.
--- A handle joins one group, once: after leaving, close it and open another. Calls `cpg_join`.
---@param name string 1 to 128 bytes, any bytes
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "invalid_param" (an empty name), "name_too_long", "exist" (this handle is in a group, another handle of this Lua state is in the group, or a process of the same pid in another PID namespace), "left", "try_again" (the membership is changing), "not_connected", "closed", "wrong_process"
function handle:join(name) end

--- Leaves the group. The leave is complete once config_change lists this process in `left`. Blocks while the membership
--- is changing, or Corosync is paused. With `pack`, sends all accepted messages first, and fails with "try_again" if it
--- cannot. Calls `cpg_leave`, with the joined name only.
---@param seconds? number how long to wait for Corosync's reply. Then it closes the connection, and fails with "not_connected" within 2 s; the others see "procdown" when Corosync continues. Without it, or with `qb_ipc_type: socket`, there is no limit.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_joined", "try_again", "not_connected", "closed", "wrong_process"
function handle:leave(seconds) end

--- The members of a group as the local Corosync sees them now, which may be ahead of the events still to be handled.
--- Costs a request for each member, 30 µs or more, behind all other requests to Corosync, and blocks while it is paused.
--- Calls `cpg_iteration_initialize` for one group: `cpg_membership_get` overruns its caller's array when a group has
--- more than 128 members.
---@param name? string a group's name; the joined group when absent
---@return corosync.cpg.address[]|nil # empty when the group has no members
---@return string|nil # why it failed
---@return string|nil # "not_joined" (and no name given), "invalid_param", "name_too_long", "no_memory", "not_connected", "closed", "wrong_process"
function handle:members(name) end

--- Iterates over every group in the cluster: `for name, members in assert(handle:groups()) do … end`.
--- The list is read at the call, so the loop may be left early. Names are bytes: some programs' names end in NUL.
--- Corosync sends ring changes to every handle, also to one that has not joined: dispatch a handle opened only for this,
--- too. Costs a request for each member of each group, as `members` does.
--- Calls `cpg_iteration_initialize` and its companions.
---@return fun():(string,corosync.cpg.address[])|nil # an iterator that returns a group's name and its members
---@return string|nil # why it failed
---@return string|nil # "not_connected", "no_memory", "closed", "wrong_process"
function handle:groups() end

--- Sends all messages that `send` has accepted and packed, without waiting for more. Without `pack` it does nothing.
---@return boolean|nil # true: all messages were sent
---@return string|nil # why it failed
---@return string|nil # "try_again" (some messages are still waiting and will be sent later: Corosync's queue or the handle's window is full, the membership is changing, or a long message is on its way), "not_joined", "not_connected", "closed", "wrong_process"
function handle:flush() end

--- Sends a message to all members, including this one. "agreed" is Corosync's total order; "fifo" is the same today.
--- The sender's own delivery does not prove that another member got the message: a sender that is cut off at that moment
--- may deliver its own message in a configuration of its own. Calls `cpg_mcast_joined`.
---@param message string|string[] 0 to max_message_size() bytes, or an array of at most 63 strings, sent as one message
---@param guarantee? string "agreed" or "fifo" (default: "agreed")
---@return boolean|nil # true: Corosync has accepted it; with `pack`, it is in a frame that will be sent
---@return string|nil # why it failed
---@return string|nil # "not_joined", "too_big", "too_many" (strings), "try_again" (nothing was sent: Corosync's queue or the handle's window is full, or the membership is changing), "backlog" (nothing was sent: too many bytes of the handle's own messages wait to be handled), "interrupt" (split messages: nothing was delivered), "not_connected", "closed", "wrong_process"; raises for anything but strings
function handle:send(message, guarantee) end

return module
