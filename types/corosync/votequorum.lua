---@meta corosync.votequorum
-- Written by `make types` from the doc comments.

--- Votes: the userdata over libvotequorum, available if corosync.conf has `provider: corosync_votequorum`. It also has
--- the methods that all handles share, see `corosync.handle`, `corosync.events` and `corosync.tracking`.
---
---    local votequorum = require "corosync.votequorum"
---    local handle = assert(votequorum.open {
---      quorum_change = function(quorate, nodes) print(quorate, #nodes) end,
---      expected_votes_change = function(votes) print("now expects", votes) end,
---    })
---    local info = assert(handle:info())
---    print(info.votes, info.total_votes, info.quorum, info.flags.quorate)
---    while handle:wait(10) do
---      assert(handle:dispatch())
---    end
---
--- `receive` names the events "quorum", "nodelist" and "expected_votes"; their values are the handlers' arguments. There is
--- no event for the expected votes at the start, only for their changes: call `info`.
---
--- Corosync keeps the quorum in eight bits: with 510 votes it is 0, and every part of a divided cluster is quorate. So one
--- node's votes and the expected votes can be at most 509 here; the script must keep the sum of all nodes' votes below
--- that.
---@class corosync.votequorum
local module = {}

--- A node, as passed to the handler `quorum_change`.
---@class corosync.votequorum.node
---@field node integer its id
---@field state string|nil "member", "dead" or "leaving"

---@class corosync.votequorum.open.handlers
---@field quorum_change? fun(quorate:boolean,nodes:corosync.votequorum.node[]) called with the nodes. Where a quorum device is registered it is the last of them, node 0, and has no state
---@field nodelist_change? fun(members:integer[],ring:corosync.cpg.ring) called with node ids. After a change of the ring it comes before `quorum_change`
---@field expected_votes_change? fun(votes:integer) called with the number of votes
---@field error? fun(message:string) called with the message and traceback of an error in a handler; without it they go to stderr

--- Connects to the local Corosync's votequorum service. A handle with one of the three handlers of changes gets the present
--- nodes and quorum first, then each change; a handle without one gets no events until it calls `track`.
--- Calls `votequorum_initialize` and `votequorum_trackstart`; takes about 15 ms and 3 MB of /dev/shm.
---@param handlers? corosync.votequorum.open.handlers
---@return corosync.votequorum.handle|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full), "no_memory", "no_resources" (open files), "no_quorum_provider" (votequorum is not configured); raises for an unknown field or one of the wrong type
function module.open(handlers) end

--- The result of `info`.
---@class corosync.votequorum.info
---@field node integer the node's id
---@field state string of the node: "member", "dead" or "leaving"
---@field votes integer of the node
---@field expected_votes integer of the node
---@field highest_expected integer of the cluster
---@field total_votes integer of the cluster
---@field quorum integer the least votes that are quorate
---@field flags table<string,boolean> of the cluster: two_node, quorate, wait_for_all, last_man_standing, auto_tie_breaker, allow_downscale; of the node: qdevice_registered, qdevice_alive, qdevice_cast_vote, qdevice_master_wins
---@field qdevice_votes integer|nil nil without a quorum device
---@field qdevice_name string|nil nil without a quorum device

---@class corosync.votequorum.handle: corosync.handle, corosync.events, corosync.tracking
local handle = {}

--- A node's state and votes, and the cluster's votes as this node counts them. Calls `votequorum_getinfo`.
---@param node? integer its id; the local node when absent
---@return corosync.votequorum.info|nil
---@return string|nil # why it failed
---@return string|nil # "not_exist" (unknown node id, not seen since Corosync started here; or 0, the quorum device's), "not_connected", "closed", "wrong_process"; raises for anything but a whole number from 0 to 4294967295
function handle:info(node) end

--- Sets how many votes the cluster expects, on all nodes, until the next change or until Corosync restarts. The members
--- have agreed on it when `expected_votes_change` is called. Calls `votequorum_setexpected`.
---@param votes integer
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "invalid_param" (fewer than the present votes, or so many that a quorate cluster would lose its quorum), "out_of_range" (more than 509), "no_resources", "not_connected", "closed", "wrong_process"; raises for anything but a whole number from 0 to 4294967295
function handle:set_expected(votes) end

--- Sets how many votes a node has, until the next change or until Corosync restarts. If the votes of all nodes exceed the
--- expected votes, these grow with them. Calls `votequorum_setvotes`, for the local node also `votequorum_getinfo`.
---@param votes integer
---@param node? integer its id; the local node when absent, and 0 for the quorum device
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_exist" (unknown node id, not seen since Corosync started here), "invalid_param" (the cluster would lose its quorum), "out_of_range" (more than 509), "no_resources", "not_connected", "closed", "wrong_process"; raises for anything but a whole number from 0 to 4294967295
function handle:set_votes(votes, node) end

--- Registers a quorum device on this node, which adds the device's votes to the node's as long as it polls. After the
--- handle is closed it stays registered, without its votes, until it is unregistered or Corosync ends; registering it again
--- is allowed. The call blocks while the cluster's membership is changing. Calls `votequorum_qdevice_register`.
---@param name string 1 to 254 bytes, none of them zero; the same on all nodes
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "exist" (a device with another name is registered), "access" (corosync.conf has an option that excludes devices, as two_node), "try_again" (another program is registering one), "name_too_long", "invalid_param", "not_connected", "closed", "wrong_process"
function handle:qdevice_register(name) end

--- Ends the registration of this node's quorum device; its name is forgotten once no member of the cluster has one
--- registered. Calls `votequorum_qdevice_unregister`.
---@param name string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_exist" (no device is registered), "invalid_param" (the registered one has another name; or the name is not valid), "name_too_long", "not_connected", "closed", "wrong_process"
function handle:qdevice_unregister(name) end

--- Gives the registered quorum device another name, on all nodes. It has the new name once the nodes have agreed on it,
--- some milliseconds after the call: see `info`. Calls `votequorum_qdevice_update`.
---@param old_name string
---@param new_name string
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_exist" (no device is registered), "invalid_param" (the registered one has another name than the old; or a name is not valid), "name_too_long", "not_connected", "closed", "wrong_process"
function handle:qdevice_update(old_name, new_name) end

--- Reports that the quorum device is alive, and whether it gives its votes to this node. Without a poll within
--- quorum.device.timeout (10 s) of corosync.conf the device and its votes count as lost. While a device is alive a
--- change of the ring, and with it the whole cluster, waits for the poll with the new ring, at most
--- quorum.device.sync_timeout (30 s): poll at once in `nodelist_change`. Calls `votequorum_qdevice_poll`.
---@param name string
---@param cast_vote boolean
---@param ring corosync.cpg.ring the present one, as the last `nodelist_change` has passed it
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "message_error" (the ring is not the present one), "not_exist" (no device is registered), "invalid_param" (the registered one has another name; or the name is not valid), "access", "name_too_long", "not_connected", "closed", "wrong_process"; raises for another ring than such a table
function handle:qdevice_poll(name, cast_vote, ring) end

--- Sets whether a part of the cluster is quorate by the quorum device's vote alone, however few its other votes are.
--- Unregistering the device does not change it. Calls `votequorum_qdevice_master_wins`.
---@param name string
---@param allow boolean
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_exist" (no device is registered), "invalid_param" (the registered one has another name; or the name is not valid), "access", "name_too_long", "not_connected", "closed", "wrong_process"
function handle:qdevice_master_wins(name, allow) end

return module
