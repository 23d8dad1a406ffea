#include "votequorum/votequorum.h"

#include <string.h>

#include <corosync/cmap.h>
#include <corosync/votequorum.h>

#include "handle/connection.h"
#include "handle/methods.h"
#include "support/field.h"

/***
Votes: the userdata over libvotequorum, available if corosync.conf has `provider: corosync_votequorum`. It also has
the methods that all handles share, see @{corosync.handle}, @{corosync.events} and @{corosync.tracking}.

    local votequorum = require "corosync.votequorum"
    local handle = assert(votequorum.open {
      quorum_change = function(quorate, nodes) print(quorate, #nodes) end,
      expected_votes_change = function(votes) print("now expects", votes) end,
    })
    local info = assert(handle:info())
    print(info.votes, info.total_votes, info.quorum, info.flags.quorate)
    while handle:wait(10) do
      assert(handle:dispatch())
    end

`receive` names the events "quorum", "nodelist" and "expected_votes"; their values are the handlers' arguments. There is
no event for the expected votes at the start, only for their changes: call `info`.

Corosync keeps the quorum in eight bits: with 510 votes it is 0, and every part of a divided cluster is quorate. So one
node's votes and the expected votes can be at most 509 here; the script must keep the sum of all nodes' votes below
that.
@module corosync.votequorum
@extends corosync.handle, corosync.events, corosync.tracking
*/

/***
A node, as passed to the handler `quorum_change`.
@table node
@tfield integer node its id
@tfield string|nil state "member", "dead" or "leaving"
*/

/*
 * A missing socket does not mean that corosync.conf names no provider: Corosync opens votequorum's after cmap's when it
 * starts, and closes it first when it ends.
 */
static const failure *absent(const handle *h)
{
	cmap_handle_t map;
	cmap_value_types_t type;
	char provider[sizeof "corosync_votequorum"] = "";
	size_t length = sizeof provider;
	int fd;
	cs_error_t error = CS_ERR_LIBRARY;
	bool is_other;

	if (peer_connect(&fd, "cmap", h->daemon_user) == NULL && cmap_initialize_map(&map, CMAP_MAP_ICMAP) == CS_OK) {
		error = cmap_get(map, "quorum.provider", provider, &length, &type);
		(void)cmap_finalize(map);
	}
	peer_disconnect(&fd);
	is_other = error == CS_OK && memcmp(provider, "corosync_votequorum", sizeof provider) != 0;
	return error == CS_ERR_NOT_EXIST || is_other ? &FAILURE_NO_PROVIDER : NULL;
}

static cs_error_t initialize(handle *h)
{
	votequorum_callbacks_t callbacks = {
		.votequorum_quorum_notify_fn = votequorum_event_quorum,
		.votequorum_nodelist_notify_fn = votequorum_event_nodelist,
		.votequorum_expectedvotes_notify_fn = votequorum_event_expected_votes,
	};

	return votequorum_initialize(&h->id, &callbacks);
}

static cs_error_t trackstart(handle *h)
{
	return votequorum_trackstart(h->id, 0, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
}

static cs_error_t trackstop(handle *h)
{
	return votequorum_trackstop(h->id);
}

static const handle_class votequorum_class = {
	.type = "corosync.votequorum",
	.service = "votequorum",
	.noun = "quorum device",
	.absent = absent,
	.kinds = votequorum_event_kinds,
	.initialize = initialize,
	.fd_get = votequorum_fd_get,
	.dispatch = votequorum_dispatch,
	.finalize = votequorum_finalize,
	.trackstart = trackstart,
	.trackstop = trackstop,
};

/* ---- opening ---- */

static const field open_fields[] = {
	{"daemon_user", field_check_user},
	{"error", field_check_function},
	{"expected_votes_change", field_check_function},
	{"nodelist_change", field_check_function},
	{"quorum_change", field_check_function},
	{NULL, NULL},
};

/***
Connects to the local Corosync's votequorum service. A handle with one of the three handlers of changes gets the present
nodes and quorum first, then each change; a handle without one gets no events until it calls `track`.
Calls `votequorum_initialize` and `votequorum_trackstart`; takes about 15 ms and 3 MB of /dev/shm.
@function votequorum.open
@tparam[opt] table handlers
@tparam[opt] fun(quorate:boolean,nodes:node[]) handlers.quorum_change called with the nodes. Where a quorum device is
registered it is the last of them, node 0, and has no state
@tparam[opt] fun(members:integer[],ring:corosync.cpg.ring) handlers.nodelist_change called with node ids. After a change
of the ring it comes before `quorum_change`
@tparam[opt] fun(votes:integer) handlers.expected_votes_change called with the number of votes
@tparam[opt] fun(message:string) handlers.error called with the message and traceback of an error in a handler;
without it they go to stderr
@treturn handle
@error nil, message, code: "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is
not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full),
"no_memory", "no_resources" (open files), "no_quorum_provider" (votequorum is not configured); raises for an unknown
field or one of the wrong type
*/
static int module_open(lua_State *L)
{
	bool track;

	fields_check_optional(L, open_fields);
	track = track_wanted(L, votequorum_event_kinds, VOTEQUORUM_EVENT_KINDS);
	return connection_open(L, connection_new(L, &votequorum_class, sizeof(handle), 1), track ? track_start : NULL);
}

static const luaL_Reg methods[] = {
	{"info", votequorum_info_method_info},
	{"qdevice_master_wins", votequorum_qdevice_method_master_wins},
	{"qdevice_poll", votequorum_qdevice_method_poll},
	{"qdevice_register", votequorum_qdevice_method_register},
	{"qdevice_unregister", votequorum_qdevice_method_unregister},
	{"qdevice_update", votequorum_qdevice_method_update},
	{"set_expected", votequorum_votes_method_set_expected},
	{"set_votes", votequorum_votes_method_set_votes},
	{NULL, NULL},
};

void votequorum_push_module(lua_State *L)
{
	methods_push_module(L, &votequorum_class, methods, module_open);
}
