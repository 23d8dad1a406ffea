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
--- Shutdown requests.* A program that wants to end a node's Corosync sends it a request (`corosync-cfgtool -H`, or
--- `try_shutdown`), and Corosync sends it to its trackers: the handles opened with the handler `shutdown_request`, or that
--- called `track`. Corosync ends when all have replied and all allowed it. A tracker that is closed, or stops tracking,
--- allows it. A tracker that does not reply delays each request by `cfg.shutdown_timeout` (a key of the configuration map,
--- in milliseconds; 5000 without it) and then refuses it, so track only if the script replies. `receive` returns "shutdown"
--- and the kind; the script then calls `reply_shutdown`.
---
--- A reply to a request that is over does nothing. A handle that tracks and has itself called `try_shutdown` gets one more
--- request after a request was refused by a missing reply, and needs no reply to it: libcfg hides the difference.
---
--- _Node ids_ are whole numbers from 0 to 4294967295; others raise.
---@class corosync.cfg
local module = {}

---@class corosync.cfg.open.handlers
---@field shutdown_request? fun(kind:string):(boolean|nil) called with "request", or with "regardless" when Corosync ends whatever the reply. Its result is the reply: true allows the shutdown, false refuses it, and with anything else, nil for example, the script replies later by `reply_shutdown`. A handler that raises sends no reply
---@field error? fun(message:string) called with the message and traceback of an error in a handler, and of a reply that could not be sent; without it they go to stderr

--- Connects to the local Corosync's configuration service. A handle with the handler `shutdown_request` tracks: it gets
--- requests for an orderly shutdown of Corosync.
--- Calls `corosync_cfg_initialize` and `corosync_cfg_trackstart`; costs about 15 ms and 3 MB of /dev/shm.
---@param handlers? corosync.cfg.open.handlers
---@return corosync.cfg.handle|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full), "no_memory", "no_resources" (open files); raises for an unknown field or one of the wrong type
function module.open(handlers) end

---@class corosync.cfg.handle: corosync.handle, corosync.events, corosync.tracking
local handle = {}

--- This node's id. Calls `corosync_cfg_local_get`.
---@return integer|nil
---@return string|nil # why it failed
---@return string|nil # "not_connected", "closed", "wrong_process"
function handle:local_node() end

--- Makes all nodes of the cluster read their corosync.conf again; the result is this node's. To follow reloads, track
--- `config.` in the configuration map, see `corosync.cmap`. Calls `corosync_cfg_reload_config`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "invalid_param" (this node's file is not valid), "try_again", "not_connected", "closed", "wrong_process"
function handle:reload() end

--- Makes this node's Corosync reopen its log files, after they were moved. Calls `corosync_cfg_reopen_log_files`.
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "not_supported", "not_connected", "closed", "wrong_process"
function handle:reopen_logs() end

--- A node's addresses in the configuration, one for each link. Corosync takes all of them for addresses of the first one's
--- family, so if links have different families, the other addresses are wrong. Calls `corosync_cfg_get_node_addrs`.
---@param node integer a node's id; 0 is this node
---@return string[]|nil
---@return string|nil # why it failed
---@return string|nil # "not_exist" (no such node in the list of nodes), "not_connected", "closed", "wrong_process", "no_stack" (see `corosync.events`); raises for an invalid node id
function handle:node_addresses(node) end

--- Ends Corosync on a node of the cluster at once, without shutdown requests. Calls `corosync_cfg_kill_node`.
---@param node integer the id of a node in the present membership; this node is allowed
---@param reason? string for that node's log: up to 255 bytes, none of them zero (default: "no reason given")
---@return boolean|nil # true: the order was sent
---@return string|nil # why it failed
---@return string|nil # "not_exist" (no such node in the membership), "try_again", "not_connected", "closed", "wrong_process"; raises for an invalid node id or reason
function handle:kill_node(node, reason) end

--- A node as this one sees it: the result of `node_status`.
---@class corosync.cfg.status
---@field node integer its id
---@field reachable boolean
---@field remote boolean
---@field external boolean
---@field onwire_min integer the oldest version of knet's protocol that the node speaks; 0 with an older knet
---@field onwire_max integer the newest one
---@field onwire_version integer the one in use
---@field links corosync.cfg.link[] the enabled ones

--- A link to a node.
---@class corosync.cfg.link
---@field link integer its number, from 0
---@field enabled boolean
---@field connected boolean
---@field dynconnected boolean
---@field mtu integer bytes
---@field source string|nil an address, nil when unknown
---@field destination string|nil an address, nil when unknown

--- A node and the links to it, as this node sees them. Only the transport knet has all fields. With udp and udpu there is
--- one link, whose source is that node's address and which has no destination, the onwire fields are 0, and a node that
--- does not exist is unreachable and has no links. Calls `corosync_cfg_node_status_get`.
---@param node integer a node's id
---@return corosync.cfg.status|nil
---@return string|nil # why it failed
---@return string|nil # "not_exist" (knet does not know the node), "not_connected", "closed", "wrong_process", "no_stack" (see `corosync.events`); raises for an invalid node id
function handle:node_status(node) end

--- One of this node's interfaces, as `ring_status` returns them.
---@class corosync.cfg.interface
---@field interface string the link's number and this node's address on it, as "0 10.9.0.1"
---@field status string "OK" with the transports udp and udpu. With knet it has one character for each node, in the order of their ids: "n" for this one, "?" for unknown, else the sum of 1 (enabled), 2 (connected) and 4 (dynamically connected), so "3" is a working link

--- This node's interfaces. Calls `corosync_cfg_ring_status_get`, which does not check whether Corosync accepted its
--- request: if it did not, libcfg reads invalid memory. So another request is sent first; only the moment between the two
--- remains.
---@return corosync.cfg.interface[]|nil
---@return string|nil # why it failed
---@return string|nil # "try_again", "no_memory", "not_connected", "closed", "wrong_process"
function handle:ring_status() end

--- Replies to the last shutdown request, once, and as long as this handle tracks. True means that the
--- reply was sent, not that it was in time. Each handle that has replied leaks 3 MB of this process's address space,
--- because `corosync_cfg_replyto_shutdown` never releases it: reply with one handle, not with a new one each time.
---@param allow boolean
---@return boolean|nil # true
---@return string|nil # why it failed
---@return string|nil # "access" (no request waits for this handle's reply), "try_again" (the membership is changing; the request still waits), "not_connected", "closed", "wrong_process"
function handle:reply_shutdown(allow) end

--- Asks this node's Corosync to end, which also ends its connections. The call blocks until all trackers have replied or
--- the time for that is over, so no tracker may depend on this thread to reply. The calling handle gets no request itself.
--- Calls `corosync_cfg_try_shutdown`.
---@param kind? string "request": every tracker may refuse; "regardless": trackers get a request, but cannot refuse; "immediate": they get none (default: "request")
---@return boolean|nil # true: Corosync is ending
---@return string|nil # why it failed
---@return string|nil # "busy" (it was refused), "exist" (another program has requested it), "try_again", "not_connected", "closed", "wrong_process"
function handle:try_shutdown(kind) end

return module
