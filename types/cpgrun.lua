---@meta cpgrun
-- Written by `make types` from the doc comments.

--- Called when the membership has changed.
---@param members corosync.cpg.address[]
---@param left corosync.cpg.address[]
---@param joined corosync.cpg.address[]
function config_change(members, left, joined) end

--- Called when a member, perhaps this one, has sent a message.
---@param address corosync.cpg.address
---@param message string
function message_received(address, message) end

--- Called when members, ring and quorum agree after a change.
---@param view corosync.group.view
function view_change(view) end

--- Called when totem's membership has changed.
---@param ring corosync.cpg.ring
---@param nodes integer[] ids
function ring_change(ring, nodes) end

--- Called when the quorum, or the nodes that it counts, have changed.
---@param quorate boolean|nil nil when Corosync has no quorum provider
---@param members integer[] node ids
function quorum_change(quorate, members) end

--- Called once the script has joined its group.
function started() end

--- Called before the script leaves its group and ends.
function stopping() end

--- Called before another version of the script takes over, see [Reloading](../topics/scripts.md.html#reloading).
---@return any # what `after_reload` of that version gets
function before_reload() end

--- Called instead of `started` when this version of the script has taken over.
---@param state any what `before_reload` of the earlier version returned
function after_reload(state) end

--- Called when the connection to Corosync is lost. The group, `cmap` and `quorum` reconnect by themselves.
---@param reason string
function disconnected(reason) end

--- Called when handlers lag.
---@param seconds number the age of the oldest waiting event
---@param events integer the number of waiting events
---@param bytes integer their size
function lagged(seconds, events, bytes) end

--- Called for each line of standard input, if the script defines it before its file ends.
---@param line string|nil nil at the end of the input
function line_received(line) end

--- Calls a function once, after some time, as a coroutine.
---@param seconds number
---@param f fun()
---@return fun() # cancels it
function after(seconds, f) end

--- Calls a function of this process again and again, each time as a coroutine. For one call in the whole group see
--- `every`.
---@param seconds number at least 0.001
---@param f fun()
---@return fun() # ends it
function periodically(seconds, f) end

--- Waits in a coroutine, while others go on.
---@param seconds number
function sleep(seconds) end

--- Writes to cpgrun's log: `log.debug`, `log.info`, `log.warn` and `log.error` take a text, or a format and values as
--- `string.format`.
---@type table
log = nil

--- The metrics of the script itself: `metrics.counter`, `metrics.gauge` and `metrics.histogram` make them.
---@type cpgrun.metrics
metrics = nil

--- JSON by dkjson, if that is installed: `json.encode(value)` returns a string, `json.decode(text)` a value, or nil and
--- a message.
---@type table
json = nil

--- The script's group.
---@type corosync.group.Group
group = nil

--- The script's own guarantees, for `cpgrun check`: `check.unique(kind, value)`, `check.holds(name, token)`,
--- `check.released(name)` and `check.operation(fields)` are the functions of `corosync.history` for the script's group.
--- They do nothing otherwise. See [Checking](../topics/checking.md.html).
---@type table
check = nil

--- The name of the group, when the script sets it. The default is the name of its file.
---@type string|nil
group_name = nil

--- Packs messages if the script sets it before its first send: true, or a table as for `corosync.cpg`'s open. All
--- members of a group must pack, or none.
---@type boolean|table|nil
pack = nil

--- The connection to the configuration map.
---@type corosync.service.Service|corosync.cmap.map
cmap = nil

--- The connection to quorum.
---@type corosync.service.Service|corosync.quorum.handle
quorum = nil

--- Returns the map of a name. This and the next four globals are methods of a replica with the group's name, which is
--- made when the first of them is called. They raise an error if Corosync cannot be reached.
---@param name string
---@return corosync.replica.map
function map(name) end

--- Returns the lock of a name.
---@param name string
---@return corosync.replica.lock
function lock(name) end

--- Stands for election. See a replica's `leader`.
---@param name string
---@param handlers? {elected:fun(token:integer),deposed:fun(reason:string)|nil}
---@return corosync.replica.leader
function leader(name, handlers) end

--- Runs a function again and again, each time on one of the members. See a replica's `every`.
---@param name string
---@param spec number|table seconds, or `{ at = "02:30" }`
---@param f fun(tick:integer,token:integer,missed:integer)
function every(name, spec, f) end

--- Lets the members call functions of each other.
---@param functions table by name
---@return corosync.replica.calls.Calls
function calls(functions) end

--- The script's arguments.
---@type string[]
arg = nil
