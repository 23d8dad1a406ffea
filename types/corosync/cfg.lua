---@meta corosync.cfg
-- Written by `make types` from the doc comments.

--- Administration of Corosync: the userdata over libcfg. It also has the methods that all handles share, see
--- `corosync.handle`, `corosync.events` and `corosync.tracking`.
---
---    local cfg = require "corosync.cfg"
---    local handle = assert(cfg.open {
---      shutdown_request = function(kind) return kind == "regardless" or not busy end,
---    })
---    print(handle:local_node(), handle:node_addresses(1)[1])
---    while handle:wait(10) do
---      assert(handle:dispatch())
---    end
--- Shutdown requests.* Who wants to end a node's Corosync asks it to (`corosync-cfgtool -H`, or `try_shutdown`), and it
--- asks its trackers: the handles that were opened with the handler `shutdown_request`, or told to `track`. When all have
--- answered, Corosync ends if all allowed it. A tracker that is closed, or stops tracking, allows it. One that does not answer
--- delays each request by `cfg.shutdown_timeout` (a key of the configuration map, in milliseconds; 5000 without it) and
--- then refuses it, so only track where requests will be answered. `receive` answers "shutdown" and the kind; the answer is
--- then given by `reply_shutdown`.
---
--- An answer to a request that is over does nothing. A handle that has itself asked for a shutdown, and tracks, is asked
--- once more after any request was refused by silence, though nothing is left to answer: libcfg hides the difference.
---
--- _Node ids_ are whole numbers from 0 to 4294967295; others raise.
---@class corosync.cfg
local module = {}

--- One of this node's interfaces, as `ring_status` returns them.
---@class corosync.cfg.interface
---@field interface string the link's number and this node's address on it, as "0 10.9.0.1"
---@field status string "OK" with the transports udp and udpu. With knet it has one character for each node, in the order of their ids: "n" for this one, "?" where there is no answer, else the sum of 1 (enabled), 2 (connected) and 4 (dynamically connected), so "3" is a link that works

--- A node as another one sees it: what `node_status` returns.
---@class corosync.cfg.status
---@field node integer its id
---@field reachable boolean
---@field remote boolean
---@field external boolean
---@field onwire_min integer the oldest version of knet's protocol that the node speaks; 0 with an older knet
---@field onwire_max integer the newest one
---@field onwire_version integer the one in use
---@field links corosync.cfg.link[] those that are enabled

--- A link to a node.
---@class corosync.cfg.link
---@field link integer its number, from 0
---@field enabled boolean
---@field connected boolean
---@field dynconnected boolean
---@field mtu integer bytes
---@field source string|nil an address, nil when unknown
---@field destination string|nil an address, nil when unknown

---@class corosync.cfg.open.handlers
---@field shutdown_request? fun(kind:string):(boolean|nil) called with "request", or with "regardless" when Corosync will end whatever is answered. What it returns is the answer: true allows the shutdown, false refuses it, and with anything else, nil for example, the script answers later by `reply_shutdown`. When it raises there is no answer
---@field error? fun(message:string) called with the message and traceback of an error in a handler, and of an answer that could not be given; without it they go to stderr

--- Connects to the local Corosync's configuration service. A handle with the handler `shutdown_request` tracks: it is asked
--- before Corosync is shut down in an orderly way.
--- Stands on `corosync_cfg_initialize` and `corosync_cfg_trackstart`; costs about 15 ms and 3 MB of /dev/shm.
---@param handlers? corosync.cfg.open.handlers
---@return corosync.cfg.handle|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" (Corosync is not running, or its /dev/shm is not this one), "access" (the user is not permitted, or another user's program has the name of the socket), "try_again", "no_space" (/dev/shm is full), "no_memory", "no_resources" (open files); raises for a field that it does not know or that has the wrong type
function module.open(handlers) end

---@class corosync.cfg.handle: corosync.handle, corosync.events, corosync.tracking
local handle = {}

--- This node's id. Stands on `corosync_cfg_local_get`.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected", "closed", "wrong_process"
function handle:local_node() end

--- This node's interfaces. Stands on `corosync_cfg_ring_status_get`, which does not look whether Corosync took its request:
--- when it did not, what libcfg reads is not there. So that is tried first, and what remains is the moment between the two.
---@return corosync.cfg.interface[]|nil
---@return string|nil # why it failed
---@return string|nil # "try_again", "no_memory", "not_connected", "closed", "wrong_process"
function handle:ring_status() end

--- Lets all nodes of the cluster read their corosync.conf again; the answer is this node's. Who wants to know of it tracks
--- `config.` in the configuration map, see `corosync.cmap`. Stands on `corosync_cfg_reload_config`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "invalid_param" when this node's file is not valid, "try_again", "not_connected", "closed", "wrong_process"
function handle:reload() end

--- Lets this node's Corosync open its log files anew, after they were moved. Stands on `corosync_cfg_reopen_log_files`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_supported", "not_connected", "closed", "wrong_process"
function handle:reopen_logs() end

--- A node's addresses as the configuration has them, one for each link. Corosync reads all as the first one's family, so
--- where links have different ones, the others' are not right. Stands on `corosync_cfg_get_node_addrs`.
---@param node integer a node's id; 0 is this node
---@return string[]|nil
---@return string|nil # why it failed
---@return string|nil # "not_exist" when there is no such node in the list of nodes, "not_connected", "closed", "wrong_process", "no_stack" (see `corosync.events`); raises for what cannot be a node's id
function handle:node_addresses(node) end

--- A node and the links to it, as this node sees them. The transport knet tells all of it. With udp and udpu there is one link,
--- whose source is that node's address and which has no destination, all of onwire is 0, and a node that does not exist
--- is one that is not reachable, without links. Stands on `corosync_cfg_node_status_get`.
---@param node integer a node's id
---@return corosync.cfg.status|nil
---@return string|nil # why it failed
---@return string|nil # "not_exist" when knet does not know the node, "not_connected", "closed", "wrong_process", "no_stack" (see `corosync.events`); raises for what cannot be a node's id
function handle:node_status(node) end

--- Ends Corosync on a node of the cluster, at once and without asking. Stands on `corosync_cfg_kill_node`.
---@param node integer the id of a node in the present membership; this node's, too
---@param reason? string for that node's log: up to 255 bytes, none of them zero (default: "no reason given")
---@return boolean|nil # true when the order was given
---@return string|nil # why it failed
---@return string|nil # "not_exist" when no such node is in the membership, "try_again", "not_connected", "closed", "wrong_process"; raises for what cannot be a node's id or a reason
function handle:kill_node(node, reason) end

--- Answers the shutdown request that was handed over last: once, and as long as this handle tracks. True says that the
--- answer was given, not that it came in time. A handle that has replied costs 3 MB of this process's address space for good,
--- since `corosync_cfg_replyto_shutdown` never releases it: answer with one handle, rather than with a new one each time.
---@param allow boolean
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "access" when no request waits for this handle's answer, or no longer, "try_again" while the membership changes (the request still waits), "not_connected", "closed", "wrong_process"
function handle:reply_shutdown(allow) end

--- Asks this node's Corosync to end, and with it its connections. It blocks until all trackers have answered or the time for
--- that is over, so none of them may be waiting for this same thread. The asking handle is not asked itself.
--- Stands on `corosync_cfg_try_shutdown`.
---@param kind? string "request": every tracker may refuse; "regardless": they are asked, but cannot refuse; "immediate": they are not asked (default: "request")
---@return boolean|nil # true when Corosync is ending
---@return string|nil # why it failed
---@return string|nil # "busy" when it was refused, "exist" when another program is asking, "try_again", "not_connected", "closed", "wrong_process"
function handle:try_shutdown(kind) end

return module
