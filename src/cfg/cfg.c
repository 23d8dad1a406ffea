#include "cfg/cfg.h"

#include <string.h>

#include "handle/call.h"
#include "handle/connection.h"
#include "handle/methods.h"
#include "support/field.h"
#include "support/stack.h"

/***
Administration of Corosync: the userdata over libcfg. It also has the methods that all handles share, see
@{corosync.handle}, @{corosync.events} and @{corosync.tracking}.

    local cfg = require "corosync.cfg"
    local handle = assert(cfg.open {
      shutdown_request = function(kind) return kind == "regardless" or not busy end,
    })
    print(handle:local_node(), handle:node_addresses(1)[1])
    while handle:wait(10) do
      assert(handle:dispatch())
    end

*Shutdown requests.* A program that wants to end a node's Corosync sends it a request (`corosync-cfgtool -H`, or
`try_shutdown`), and Corosync sends it to its trackers: the handles opened with the handler `shutdown_request`, or that
called `track`. Corosync ends when all have replied and all allowed it. A tracker that is closed, or stops tracking,
allows it. A tracker that does not reply delays each request by `cfg.shutdown_timeout` (a key of the configuration map,
in milliseconds; 5000 without it) and then refuses it, so track only if the script replies. `receive` returns "shutdown"
and the kind; the script then calls `reply_shutdown`.

A reply to a request that is over does nothing. A handle that tracks and has itself called `try_shutdown` gets one more
request after a request was refused by a missing reply, and needs no reply to it: libcfg hides the difference.

_Node ids_ are whole numbers from 0 to 4294967295; others raise.
@module corosync.cfg
@extends corosync.handle, corosync.events, corosync.tracking
*/

/***
One of this node's interfaces, as `ring_status` returns them.
@table interface
@tfield string interface the link's number and this node's address on it, as "0 10.9.0.1"
@tfield string status "OK" with the transports udp and udpu. With knet it has one character for each node, in the order
of their ids: "n" for this one, "?" for unknown, else the sum of 1 (enabled), 2 (connected) and 4 (dynamically
connected), so "3" is a working link
*/

/***
A node as this one sees it: the result of `node_status`.
@table status
@tfield integer node its id
@tfield boolean reachable
@tfield boolean remote
@tfield boolean external
@tfield integer onwire_min the oldest version of knet's protocol that the node speaks; 0 with an older knet
@tfield integer onwire_max the newest one
@tfield integer onwire_version the one in use
@tfield link[] links the enabled ones
*/

/***
A link to a node.
@table link
@tfield integer link its number, from 0
@tfield boolean enabled
@tfield boolean connected
@tfield boolean dynconnected
@tfield integer mtu bytes
@tfield string|nil source an address, nil when unknown
@tfield string|nil destination an address, nil when unknown
*/

static const failure failure_configuration = {"invalid_param", "corosync.conf has an error: see Corosync's log"};
static const failure failure_node_unknown = {"not_exist", "there is no such node, or it is not in the cluster now"};

#define LONGEST_REASON 255

/* ---- opening ---- */

static const field open_fields[] = {
	{"daemon_user", field_check_user},
	{"error", field_check_function},
	{"shutdown_request", field_check_function},
	{NULL, NULL},
};

/***
Connects to the local Corosync's configuration service. A handle with the handler `shutdown_request` tracks: it gets
requests for an orderly shutdown of Corosync.
Calls `corosync_cfg_initialize` and `corosync_cfg_trackstart`; costs about 15 ms and 3 MB of /dev/shm.
@function cfg.open
@tparam[opt] table handlers
@tparam[opt] fun(kind:string):(boolean|nil) handlers.shutdown_request called with "request", or with "regardless" when
Corosync ends whatever the reply. Its result is the reply: true allows the shutdown, false refuses it, and with anything
else, nil for example, the script replies later by `reply_shutdown`. A handler that raises sends no reply
@tparam[opt] fun(message:string) handlers.error called with the message and traceback of an error in a handler, and of a
reply that could not be sent; without it they go to stderr
@treturn handle
@error nil, message, code: "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is
not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full),
"no_memory", "no_resources" (open files); raises for an unknown field or one of the wrong type
*/
static int module_open(lua_State *L)
{
	bool track;

	fields_check_optional(L, open_fields);
	track = track_wanted(L, cfg_class.kinds, 1);
	return connection_open(L, connection_new(L, &cfg_class, sizeof(cfg), 1), track ? track_start : NULL);
}

/* ---- this node ---- */

/***
This node's id. Calls `corosync_cfg_local_get`.
@function handle:local_node
@treturn integer
@error nil, message, code: "not_connected", "closed", "wrong_process"
*/
static int cfg_method_local_node(lua_State *L)
{
	cfg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);
	unsigned int node = 0;

	if (why == NULL) {
		why = handle_failure(&c->handle, CALL(&c->handle, "local_node", corosync_cfg_local_get(c->handle.id, &node)));
	}
	if (why != NULL) {
		return cfg_return(L, "get this node's id", why);
	}
	compat_pushuint32(L, node);
	return 1;
}

/***
This node's interfaces. Calls `corosync_cfg_ring_status_get`, which does not check whether Corosync accepted its
request: if it did not, libcfg reads invalid memory. So another request is sent first; only the moment between the two
remains.
@function handle:ring_status
@treturn interface[]
@error nil, message, code: "try_again", "no_memory", "not_connected", "closed", "wrong_process"
*/
static int cfg_method_ring_status(lua_State *L)
{
	cfg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, cfg_probe(c));
	}
	if (why == NULL) {
		why = handle_failure(&c->handle, cfg_status_push_rings(L, &c->handle));
	}
	return why == NULL ? 1 : cfg_return(L, "get the status of the rings", why);
}

/***
Makes all nodes of the cluster read their corosync.conf again; the result is this node's. To follow reloads, track
`config.` in the configuration map, see @{corosync.cmap}. Calls `corosync_cfg_reload_config`.
@function handle:reload
@treturn boolean true
@error nil, message, code: "invalid_param" (this node's file is not valid), "try_again", "not_connected", "closed",
"wrong_process"
*/
static int cfg_method_reload(lua_State *L)
{
	cfg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		cs_error_t error = CALL(&c->handle, "reload", corosync_cfg_reload_config(c->handle.id));
		why = error == CS_ERR_INVALID_PARAM ? &failure_configuration : handle_failure(&c->handle, error);
	}
	return cfg_return(L, "reload the configuration", why);
}

/***
Makes this node's Corosync reopen its log files, after they were moved. Calls `corosync_cfg_reopen_log_files`.
@function handle:reopen_logs
@treturn boolean true
@error nil, message, code: "not_supported", "not_connected", "closed", "wrong_process"
*/
static int cfg_method_reopen_logs(lua_State *L)
{
	cfg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, CALL(&c->handle, "reopen_logs", corosync_cfg_reopen_log_files(c->handle.id)));
	}
	return cfg_return(L, "reopen the log files", why);
}

/* ---- any node ---- */

/* Pushes nil, "cannot <verb> node <node>: …", code; returns 3. [-0, +3, m] */
static int fail_node(lua_State *L, const char *verb, uint32_t node, const failure *why)
{
	lua_pushfstring(L, "%s node ", verb);
	compat_pushuint32(L, node);
	lua_concat(L, 2);
	return failure_push(L, why);
}

/* The failure of a call about a node, or NULL. */
static const failure *node_failure(cfg *c, cs_error_t error)
{
	return error == CS_ERR_NOT_EXIST ? &failure_node_unknown : handle_failure(&c->handle, error);
}

/* NULL if a call about a node is possible: libcfg puts Corosync's reply on the stack. */
static const failure *unaskable(const cfg *c)
{
	const failure *why = handle_unusable(&c->handle);

	return why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
}

/***
A node's addresses in the configuration, one for each link. Corosync takes all of them for addresses of the first one's
family, so if links have different families, the other addresses are wrong. Calls `corosync_cfg_get_node_addrs`.
@function handle:node_addresses
@tparam integer node a node's id; 0 is this node
@treturn string[]
@error nil, message, code: "not_exist" (no such node in the list of nodes), "not_connected", "closed",
"wrong_process", "no_stack" (see @{corosync.events}); raises for an invalid node id
*/
static int cfg_method_node_addresses(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = check_uint32(L, 2, "node");
	const failure *why = unaskable(c);

	if (why == NULL) {
		why = node_failure(c, cfg_status_push_addresses(L, &c->handle, node));
	}
	return why == NULL ? 1 : fail_node(L, "get the addresses of", node, why);
}

/***
A node and the links to it, as this node sees them. Only the transport knet has all fields. With udp and udpu there is
one link, whose source is that node's address and which has no destination, the onwire fields are 0, and a node that
does not exist is unreachable and has no links. Calls `corosync_cfg_node_status_get`.
@function handle:node_status
@tparam integer node a node's id
@treturn status
@error nil, message, code: "not_exist" (knet does not know the node), "not_connected", "closed", "wrong_process",
"no_stack" (see @{corosync.events}); raises for an invalid node id
*/
static int cfg_method_node_status(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = check_uint32(L, 2, "node");
	const failure *why = unaskable(c);

	if (why == NULL) {
		why = node_failure(c, cfg_status_push_node(L, &c->handle, node));
	}
	return why == NULL ? 1 : fail_node(L, "get the status of", node, why);
}

/***
Ends Corosync on a node of the cluster at once, without shutdown requests. Calls `corosync_cfg_kill_node`.
@function handle:kill_node
@tparam integer node the id of a node in the present membership; this node is allowed
@tparam[opt="no reason given"] string reason for that node's log: up to 255 bytes, none of them zero
@treturn boolean true: the order was sent
@error nil, message, code: "not_exist" (no such node in the membership), "try_again", "not_connected", "closed",
"wrong_process"; raises for an invalid node id or reason
*/
static int cfg_method_kill_node(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = check_uint32(L, 2, "node");
	size_t length;
	const char *reason = luaL_optlstring(L, 3, "no reason given", &length);
	const failure *why = handle_unusable(&c->handle);
	cs_error_t error;

	luaL_argcheck(L, length <= LONGEST_REASON, 3, "reason must not be longer than 255 bytes");
	luaL_argcheck(L, strlen(reason) == length, 3, "reason must not have zero bytes");
	if (why == NULL) {
		error = CALL(&c->handle, "kill_node", corosync_cfg_kill_node(c->handle.id, node, reason));
		/* Without a daemon libcfg returns uninitialized memory. */
		why = node_failure(c, handle_verify(&c->handle, error));
	}
	return why == NULL ? success_push(L) : fail_node(L, "kill", node, why);
}

static const luaL_Reg methods[] = {
	{"kill_node", cfg_method_kill_node},
	{"local_node", cfg_method_local_node},
	{"node_addresses", cfg_method_node_addresses},
	{"node_status", cfg_method_node_status},
	{"reload", cfg_method_reload},
	{"reopen_logs", cfg_method_reopen_logs},
	{"reply_shutdown", cfg_method_reply_shutdown},
	{"ring_status", cfg_method_ring_status},
	{"try_shutdown", cfg_method_try_shutdown},
	{NULL, NULL},
};

void cfg_push_module(lua_State *L)
{
	methods_push_module(L, &cfg_class, methods, module_open);
}
