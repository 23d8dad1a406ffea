#include "votequorum/votequorum.h"

#include <string.h>

#include <corosync/cmap.h>
#include <corosync/votequorum.h>

#include "handle/call.h"
#include "handle/connection.h"
#include "handle/methods.h"
#include "support/argument.h"
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

/***
The result of `info`.
@table info
@tfield integer node the node's id
@tfield string state of the node: "member", "dead" or "leaving"
@tfield integer votes of the node
@tfield integer expected_votes of the node
@tfield integer highest_expected of the cluster
@tfield integer total_votes of the cluster
@tfield integer quorum the least votes that are quorate
@tfield table<string,boolean> flags of the cluster: two_node, quorate, wait_for_all, last_man_standing,
auto_tie_breaker, allow_downscale; of the node: qdevice_registered, qdevice_alive, qdevice_cast_vote,
qdevice_master_wins
@tfield integer|nil qdevice_votes nil without a quorum device
@tfield string|nil qdevice_name nil without a quorum device
*/

static const failure failure_expected_votes = {
	"invalid_param", "that is fewer than the present votes, or so many that the cluster would lose its quorum"};
static const failure failure_qdevice_node = {
	"not_exist", "the id is the quorum device's, which has no information of its own: see a node's"};
static const failure failure_too_many_votes = {
	"out_of_range", "Corosync's quorum overflows above 255, the quorum of 509 votes, without an error"};
static const failure failure_votes = {"invalid_param", "with these votes the cluster would lose its quorum"};

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

/* ---- methods ---- */

/* With more the quorum, just over half of the votes, wraps around in the daemon's eight bits. */
#define MOST_VOTES 509

/* Fails for the node whose id is at that index, or for the local one. [-0, +3, m] */
static int fail_with_node(lua_State *L, const char *verb, int index, const failure *why)
{
	if (lua_isnoneornil(L, index)) {
		lua_pushfstring(L, "%s the local node in votequorum", verb);
	} else {
		/* lua_pushfstring has no format for numbers above the range of int. */
		lua_pushfstring(L, "%s node ", verb);
		lua_pushvalue(L, index);
		lua_pushliteral(L, " in votequorum");
		lua_concat(L, 3);
	}
	return failure_push(L, why);
}

/***
A node's state and votes, and the cluster's votes as this node counts them. Calls `votequorum_getinfo`.
@function handle:info
@tparam[opt] integer node its id; the local node when absent
@treturn info
@error nil, message, code: "not_exist" (unknown node id, not seen since Corosync started here; or 0, the quorum
device's), "not_connected", "closed", "wrong_process"; raises for anything but a whole number from 0 to 4294967295
*/
static int votequorum_method_info(lua_State *L)
{
	handle *h = handle_check(L);
	bool local = lua_isnoneornil(L, 2);
	uint32_t node = local ? LOCAL_NODE : argument_check_uint32(L, 2, "node");
	struct votequorum_info info;
	const failure *why = handle_unusable(h);

	if (why == NULL && !local && node == VOTEQUORUM_QDEVICE_NODEID) {
		why = &failure_qdevice_node;
	}
	if (why == NULL) {
		why = votequorum_info_get(h, node, &info);
	}
	if (why != NULL) {
		return fail_with_node(L, "get the information on", 2, why);
	}
	votequorum_info_push(L, &info);
	return 1;
}

static const failure *set_expected(handle *h, uint32_t votes)
{
	cs_error_t error;

	if (votes > MOST_VOTES) {
		return &failure_too_many_votes;
	}
	error = CALL(h, "set_expected", votequorum_setexpected(h->id, votes));
	return error == CS_ERR_INVALID_PARAM ? &failure_expected_votes : handle_failure(h, error);
}

/***
Sets how many votes the cluster expects, on all nodes, until the next change or until Corosync restarts. The members
have agreed on it when `expected_votes_change` is called. Calls `votequorum_setexpected`.
@function handle:set_expected
@tparam integer votes
@treturn boolean true
@error nil, message, code: "invalid_param" (fewer than the present votes, or so many that a quorate cluster would lose
its quorum), "out_of_range" (more than 509), "no_resources", "not_connected", "closed", "wrong_process"; raises for
anything but a whole number from 0 to 4294967295
*/
static int votequorum_method_set_expected(lua_State *L)
{
	handle *h = handle_check(L);
	uint32_t votes = argument_check_uint32(L, 2, "votes");
	const failure *why = handle_unusable(h);

	if (why == NULL) {
		why = set_expected(h, votes);
	}
	return handle_return(L, h, "set the expected votes of", why);
}

static const failure *set_votes_of(handle *h, uint32_t node, uint32_t votes)
{
	cs_error_t error;

	if (votes > MOST_VOTES) {
		return &failure_too_many_votes;
	}
	error = CALL(h, "set_votes", votequorum_setvotes(h->id, node, votes));
	switch (error) {
	case CS_ERR_INVALID_PARAM: return &failure_votes;
	case CS_ERR_NAME_NOT_FOUND: return &VOTEQUORUM_UNKNOWN_NODE;
	default: return handle_failure(h, error);
	}
}

/* votequorum_setvotes has no id for the local node: 0 is the quorum device. */
static const failure *set_local_votes(handle *h, uint32_t votes)
{
	struct votequorum_info info;
	const failure *why = votequorum_info_get(h, LOCAL_NODE, &info);

	return why == NULL ? set_votes_of(h, info.node_id, votes) : why;
}

/***
Sets how many votes a node has, until the next change or until Corosync restarts. If the votes of all nodes exceed the
expected votes, these grow with them. Calls `votequorum_setvotes`, for the local node also `votequorum_getinfo`.
@function handle:set_votes
@tparam integer votes
@tparam[opt] integer node its id; the local node when absent, and 0 for the quorum device
@treturn boolean true
@error nil, message, code: "not_exist" (unknown node id, not seen since Corosync started here), "invalid_param" (the
cluster would lose its quorum), "out_of_range" (more than 509), "no_resources", "not_connected", "closed",
"wrong_process"; raises for anything but a whole number from 0 to 4294967295
*/
static int votequorum_method_set_votes(lua_State *L)
{
	handle *h = handle_check(L);
	uint32_t votes = argument_check_uint32(L, 2, "votes");
	bool local = lua_isnoneornil(L, 3);
	uint32_t node = local ? 0 : argument_check_uint32(L, 3, "node");
	const failure *why = handle_unusable(h);

	if (why == NULL) {
		why = local ? set_local_votes(h, votes) : set_votes_of(h, node, votes);
	}
	return why == NULL ? success_push(L) : fail_with_node(L, "set the votes of", 3, why);
}

static const luaL_Reg methods[] = {
	{"info", votequorum_method_info},
	{"qdevice_master_wins", votequorum_qdevice_method_master_wins},
	{"qdevice_poll", votequorum_qdevice_method_poll},
	{"qdevice_register", votequorum_qdevice_method_register},
	{"qdevice_unregister", votequorum_qdevice_method_unregister},
	{"qdevice_update", votequorum_qdevice_method_update},
	{"set_expected", votequorum_method_set_expected},
	{"set_votes", votequorum_method_set_votes},
	{NULL, NULL},
};

void votequorum_push_module(lua_State *L)
{
	methods_push_module(L, &votequorum_class, methods, module_open);
}
