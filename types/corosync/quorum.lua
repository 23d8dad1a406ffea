---@meta corosync.quorum
-- Written by `make types` from the doc comments.

--- Quorum: the userdata over libquorum. It also has the methods that all handles share, see
--- `corosync.handle`, `corosync.events` and `corosync.tracking`.
---
---    local quorum = require "corosync.quorum"
---    local handle = assert(quorum.open {
---      quorum_change = function(quorate, members) print(quorate, #members) end,
---    })
---    while handle:wait(10) do
---      assert(handle:dispatch())
---    end
---
--- After a change of the ring the list of nodes comes first, the quorum up to some milliseconds later: the two belong
--- together if their rings are equal.
---
--- Without a quorum provider (`quorum { provider: corosync_votequorum }` in corosync.conf) Corosync reports once that it is
--- quorate, without a ring and on both sides of a partition. The binding treats no side as quorate then: `quorate` fails
--- with "no_quorum_provider", and `quorum_change` gets nil. Corosync reads the provider when it starts; a reload does not
--- change it.
---@class corosync.quorum
local module = {}

---@class corosync.quorum.open.handlers
---@field quorum_change? fun(quorate:boolean|nil,members:integer[],ring:corosync.cpg.ring) called with node ids and the ring that they belong to. Without a quorum provider it is called once, with nil, an empty array, and a ring of seq 0
---@field nodelist_change? fun(members:integer[],left:integer[],joined:integer[],ring:corosync.cpg.ring) called with node ids
---@field error? fun(message:string) called with the message and traceback of an error in a handler; without it they go to stderr
---@field model? integer 1, or 0 for Corosync's older model, which has no lists of nodes, and only the seq of the ring; chosen by itself where Corosync has no other (default: 1)

--- Connects to the local Corosync's quorum service. A handle with one of the two handlers of changes gets the present
--- state first, then each change; a handle without one gets no events until it calls `track`.
--- Calls `quorum_model_initialize` and `quorum_trackstart`; takes about 15 ms and 3 MB of /dev/shm.
---@param handlers? corosync.quorum.open.handlers
---@return corosync.quorum.handle|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full), "no_memory", "no_resources" (open files); raises for an unknown field or one of the wrong type
function module.open(handlers) end

---@class corosync.quorum.handle: corosync.handle, corosync.events, corosync.tracking
local handle = {}

--- Whether this node's side of the cluster has quorum. Calls `quorum_getquorate`.
---@return boolean|nil
---@return string|nil # why it failed
---@return string|nil # "no_quorum_provider" (corosync.conf names none), "not_connected", "closed", "wrong_process"
function handle:quorate() end

return module
