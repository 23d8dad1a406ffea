#include "quorum/quorum.h"

#include <corosync/quorum.h>

#include "handle/call.h"
#include "handle/connection.h"
#include "handle/methods.h"
#include "handle/node_list.h"
#include "support/field.h"

/***
Quorum: the userdata over libquorum. It also has the methods that all handles share, see
@{corosync.handle}, @{corosync.events} and @{corosync.tracking}.

    local quorum = require "corosync.quorum"
    local handle = assert(quorum.open {
      quorum_change = function(quorate, members) print(quorate, #members) end,
    })
    while handle:wait(10) do
      assert(handle:dispatch())
    end

After a change of the ring the list of nodes comes first, the quorum up to some milliseconds later: the two belong
together if their rings are equal.

Without a quorum provider (`quorum { provider: corosync_votequorum }` in corosync.conf) Corosync reports once that it is
quorate, without a ring and on both sides of a partition. The binding treats no side as quorate then: `quorate` fails
with "no_quorum_provider", and `quorum_change` gets nil. Corosync reads the provider when it starts; a reload does not
change it.
@module corosync.quorum
@extends corosync.handle, corosync.events, corosync.tracking
*/

enum { KIND_QUORUM, KIND_NODELIST };

typedef struct quorum {
	handle handle;
	bool oldest;   /* to be opened with the older model */
	uint32_t type; /* QUORUM_FREE without a quorum provider: Corosync then reports every side as quorate */
} quorum;

static cs_error_t trackstart(handle *h)
{
	return quorum_trackstart(h->id, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
}

static cs_error_t trackstop(handle *h)
{
	return quorum_trackstop(h->id);
}

/* ---- events ---- */

static void on_quorum(
	quorum_handle_t id, uint32_t quorate, struct quorum_ring_id ring, uint32_t count, const uint32_t *members)
{
	node_list list = {members, count};
	node_list_event *ev = node_list_append(KIND_QUORUM, ring.nodeid, ring.seq, &list, 1);

	(void)id;
	if (ev != NULL) {
		ev->quorate = quorate;
	}
}

static void on_nodelist(quorum_handle_t id, struct quorum_ring_id ring, uint32_t members_count, const uint32_t *members,
	uint32_t joined_count, const uint32_t *joined, uint32_t left_count, const uint32_t *left)
{
	node_list lists[] = {{members, members_count}, {left, left_count}, {joined, joined_count}};

	(void)id;
	(void)node_list_append(KIND_NODELIST, ring.nodeid, ring.seq, lists, 3);
}

/* The older model has only the ring's seq. */
static void on_quorum_v0(quorum_handle_t id, uint32_t quorate, uint64_t seq, uint32_t count, uint32_t *members)
{
	on_quorum(id, quorate, (struct quorum_ring_id){.seq = seq}, count, members);
}

/* No node has the id 0. */
static void push_ring(lua_State *L, const node_list_event *ev)
{
	node_list_push_ring(L, ev);
	if (ev->node == 0) {
		lua_pushnil(L);
		lua_setfield(L, -2, "node");
	}
}

static int push_quorum(lua_State *L, handle *h, const event *ev, int values)
{
	const node_list_event *change = (const node_list_event *)ev;

	(void)values;
	if (((const quorum *)h)->type == QUORUM_FREE) {
		lua_pushnil(L);
	} else {
		lua_pushboolean(L, change->quorate != 0);
	}
	node_list_push(L, change, 0);
	push_ring(L, change);
	return 3;
}

static int push_nodelist(lua_State *L, handle *h, const event *ev, int values)
{
	const node_list_event *change = (const node_list_event *)ev;

	(void)h;
	(void)values;
	node_list_push(L, change, 0);
	node_list_push(L, change, 1);
	node_list_push(L, change, 2);
	push_ring(L, change);
	return 4;
}

static const event_kind kinds[] = {
	[KIND_QUORUM] = {.handler = "quorum_change", .name = "quorum", .push = push_quorum},
	[KIND_NODELIST] = {.handler = "nodelist_change", .name = "nodelist", .push = push_nodelist},
};

/* ---- opening ---- */

static cs_error_t initialize_v1(quorum_handle_t *id, uint32_t *type)
{
	quorum_model_v1_data_t model = {
		.model = QUORUM_MODEL_V1,
		.quorum_notify_fn = on_quorum,
		.nodelist_notify_fn = on_nodelist,
	};

	return quorum_model_initialize(id, QUORUM_MODEL_V1, (quorum_model_data_t *)&model, type, NULL);
}

static cs_error_t initialize_v0(quorum_handle_t *id, uint32_t *type)
{
	quorum_model_v0_data_t model = {.model = QUORUM_MODEL_V0, .quorum_notify_fn = on_quorum_v0};

	return quorum_model_initialize(id, QUORUM_MODEL_V0, (quorum_model_data_t *)&model, type, NULL);
}

static cs_error_t initialize(handle *h)
{
	quorum *q = (quorum *)h;
	cs_error_t error = q->oldest ? CS_ERR_NOT_SUPPORTED : initialize_v1(&h->id, &q->type);

	if (error == CS_ERR_NOT_SUPPORTED || error == CS_ERR_INVALID_PARAM) {
		/* libquorum leaves the connection open when the daemon refuses its model. */
		(void)quorum_finalize(h->id);
		error = initialize_v0(&h->id, &q->type);
	}
	return error;
}

static const handle_class quorum_class = {
	.type = "corosync.quorum",
	.service = "quorum",
	.kinds = kinds,
	.initialize = initialize,
	.fd_get = quorum_fd_get,
	.dispatch = quorum_dispatch,
	.finalize = quorum_finalize,
	.trackstart = trackstart,
	.trackstop = trackstop,
};

static void check_model(lua_State *L, int index, const char *name)
{
	lua_Number model = lua_tonumber(L, index);

	if (lua_type(L, index) != LUA_TNUMBER || (model != 0 && model != 1)) {
		luaL_argerror(L, 1, lua_pushfstring(L, "field '%s' must be the number 0 or 1", name));
	}
}

static const field open_fields[] = {
	{"daemon_user", field_check_user},
	{"error", field_check_function},
	{"model", check_model},
	{"nodelist_change", field_check_function},
	{"quorum_change", field_check_function},
	{NULL, NULL},
};

/***
Connects to the local Corosync's quorum service. A handle with one of the two handlers of changes gets the present
state first, then each change; a handle without one gets no events until it calls `track`.
Calls `quorum_model_initialize` and `quorum_trackstart`; takes about 15 ms and 3 MB of /dev/shm.
@function quorum.open
@tparam[opt] table handlers
@tparam[opt] fun(quorate:boolean|nil,members:integer[],ring:corosync.cpg.ring) handlers.quorum_change called with node
ids and the ring that they belong to. Without a quorum provider it is called once, with nil, an empty array, and a ring
of seq 0
@tparam[opt] fun(members:integer[],left:integer[],joined:integer[],ring:corosync.cpg.ring) handlers.nodelist_change
called with node ids
@tparam[opt] fun(message:string) handlers.error called with the message and traceback of an error in a handler;
without it they go to stderr
@tparam[opt=1] integer handlers.model 1, or 0 for Corosync's older model, which has no lists of nodes, and only the seq
of the ring; chosen by itself where Corosync has no other
@treturn handle
@error nil, message, code: "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is
not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full),
"no_memory", "no_resources" (open files); raises for an unknown field or one of the wrong type
*/
static int module_open(lua_State *L)
{
	quorum *q;
	bool oldest, track;

	fields_check_optional(L, open_fields);
	field_push(L, "model");
	oldest = lua_isnumber(L, 2) && lua_tonumber(L, 2) == 0;
	track = track_wanted(L, kinds, sizeof kinds / sizeof *kinds);
	q = connection_new(L, &quorum_class, sizeof *q, 1);
	q->oldest = oldest;
	return connection_open(L, &q->handle, track ? track_start : NULL);
}

/* ---- methods ---- */

/***
Whether this node's side of the cluster has quorum. Calls `quorum_getquorate`.
@function handle:quorate
@treturn boolean
@error nil, message, code: "no_quorum_provider" (corosync.conf names none), "not_connected", "closed", "wrong_process"
*/
static int quorum_method_quorate(lua_State *L)
{
	quorum *q = handle_check(L);
	const failure *why = handle_unusable(&q->handle);
	int quorate = 0;

	if (why == NULL) {
		why = handle_failure(&q->handle, CALL(&q->handle, "quorate", quorum_getquorate(q->handle.id, &quorate)));
	}
	if (why == NULL && q->type == QUORUM_FREE) {
		why = &FAILURE_NO_PROVIDER;
	}
	if (why != NULL) {
		return handle_fail(L, &q->handle, "read", why);
	}
	lua_pushboolean(L, quorate);
	return 1;
}

static const luaL_Reg methods[] = {
	{"quorate", quorum_method_quorate},
	{NULL, NULL},
};

void quorum_push_module(lua_State *L)
{
	methods_push_module(L, &quorum_class, methods, module_open);
}
