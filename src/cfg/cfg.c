#include "cfg/cfg.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handle/call.h"
#include "handle/connection.h"
#include "handle/methods.h"
#include "support/field.h"

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

static const failure failure_configuration = {"invalid_param", "corosync.conf has an error: see Corosync's log"};

/* ---- the class ---- */

static cs_error_t initialize(handle *h)
{
	static const corosync_cfg_callbacks_t callbacks = {.corosync_cfg_shutdown_callback = cfg_shutdown_event};

	return corosync_cfg_initialize(&h->id, &callbacks);
}

static cs_error_t trackstart(handle *h)
{
	return corosync_cfg_trackstart(h->id, 0);
}

static cs_error_t trackstop(handle *h)
{
	cs_error_t error = corosync_cfg_trackstop(h->id);

	if (error == CS_OK) {
		/* For the daemon this allowed the request. A reply now would count as another tracker's. */
		((cfg *)h)->reply_due = false;
	}
	return error;
}

/* Closes the descriptor if libcfg did not: otherwise the daemon keeps its side open. */
static void close_if_left(int fd, const struct stat *before)
{
	struct stat now;

	if (fstat(fd, &now) == 0 && now.st_dev == before->st_dev && now.st_ino == before->st_ino) {
		/* Closing alone does not end the connection while a fork has the descriptor, too. */
		(void)shutdown(fd, SHUT_RDWR);
		(void)close(fd);
	}
}

/*
 * corosync_cfg_replyto_shutdown leaks the reference that it takes of libcfg's handle, so that finalizing does not
 * disconnect. The tracker left behind would get each shutdown request and refuse it by not replying. With "qb_ipc_type:
 * socket" the daemon does not watch the socket that is closed here, so tracking is stopped first, and two more of
 * libqb's sockets stay open until the process ends.
 */
static cs_error_t disconnect(handle *h)
{
	struct stat before;
	cs_error_t error;

	if (!((const cfg *)h)->has_replied || fstat(h->libqb_fd, &before) != 0) {
		return corosync_cfg_finalize(h->id);
	}
	if (h->tracking) {
		(void)corosync_cfg_trackstop(h->id);
	}
	error = corosync_cfg_finalize(h->id);
	close_if_left(h->libqb_fd, &before);
	return error;
}

static const handle_class cfg_class = {
	.type = "corosync.cfg",
	.service = "cfg",
	.kinds = cfg_shutdown_kinds,
	.initialize = initialize,
	.fd_get = corosync_cfg_fd_get,
	.dispatch = corosync_cfg_dispatch,
	.disconnect = disconnect,
	.trackstart = trackstart,
	.trackstop = trackstop,
};

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
	track = track_wanted(L, cfg_shutdown_kinds, 1);
	return connection_open(L, connection_new(L, &cfg_class, sizeof(cfg), 1), track ? track_start : NULL);
}

/* ---- methods ---- */

int cfg_return(lua_State *L, const char *verb, const failure *why)
{
	return why == NULL ? success_push(L) : failure_push_text(L, verb, why);
}

/* A repeated start, and a stop without a start, change nothing. */
cs_error_t cfg_probe(cfg *c)
{
	handle *h = &c->handle;
	cs_error_t error =
		CALL(h, "track or untrack", h->tracking ? corosync_cfg_trackstart(h->id, 0) : corosync_cfg_trackstop(h->id));

	return handle_verify(h, error);
}

/***
This node's id. Calls `corosync_cfg_local_get`.
@function handle:local_node
@treturn integer
@error nil, message, code: "not_connected", "closed", "wrong_process"
*/
static int method_local_node(lua_State *L)
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
Makes all nodes of the cluster read their corosync.conf again; the result is this node's. To follow reloads, track
`config.` in the configuration map, see @{corosync.cmap}. Calls `corosync_cfg_reload_config`.
@function handle:reload
@treturn boolean true
@error nil, message, code: "invalid_param" (this node's file is not valid), "try_again", "not_connected", "closed",
"wrong_process"
*/
static int method_reload(lua_State *L)
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
static int method_reopen_logs(lua_State *L)
{
	cfg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, CALL(&c->handle, "reopen_logs", corosync_cfg_reopen_log_files(c->handle.id)));
	}
	return cfg_return(L, "reopen the log files", why);
}

static const luaL_Reg methods[] = {
	{"kill_node", cfg_nodes_method_kill},
	{"local_node", method_local_node},
	{"node_addresses", cfg_nodes_method_addresses},
	{"node_status", cfg_node_status_method_get},
	{"reload", method_reload},
	{"reopen_logs", method_reopen_logs},
	{"reply_shutdown", cfg_shutdown_method_reply},
	{"ring_status", cfg_rings_method_status},
	{"try_shutdown", cfg_shutdown_method_try},
	{NULL, NULL},
};

void cfg_push_module(lua_State *L)
{
	methods_push_module(L, &cfg_class, methods, module_open);
}
