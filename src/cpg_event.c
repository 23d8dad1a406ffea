#include "cpg_event.h"

#include <string.h>

#include "address.h"
#include "cpg_handle.h"
#include "cpg_send.h"
#include "intake.h"
#include "nodes.h"

enum { KIND_MESSAGE, KIND_CONFIG, KIND_RING, KIND_LAG };

typedef struct message_event {
	event event;
	uint32_t node, pid;
	size_t length;
	char bytes[];
} message_event;

typedef struct config_event {
	event event;
	size_t members, left, joined;
	struct cpg_address addresses[]; /* members, then left, then joined */
} config_event;

typedef struct lag_event {
	event event;
	double seconds;
	size_t events, bytes;
} lag_event;

#define PAYLOAD(type) (sizeof(type) - sizeof(event))

/* Corosync goes on telling a process that has left of the others, until its connection is closed: nobody hears that. */
static event *append(uint64_t kind, size_t payload)
{
	const cpg *c = (const cpg *)intake_handle();

	return c->was_told_left ? NULL : intake_append(kind, payload);
}

void cpg_event_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length)
{
	handle *h = intake_handle();
	message_event *ev = (message_event *)append(KIND_MESSAGE, PAYLOAD(message_event) + length);

	(void)id;
	(void)group;
	cpg_send_came_back(h, node, pid);
	if (ev == NULL) {
		return;
	}
	ev->node = node;
	ev->pid = pid;
	ev->length = length;
	if (length > 0) {
		memcpy(ev->bytes, bytes, length);
	}
}

static struct cpg_address *put_addresses(struct cpg_address *to, const struct cpg_address *from, size_t count)
{
	if (count > 0) {
		memcpy(to, from, count * sizeof *to);
	}
	return to + count;
}

static void note_own_leave(cpg *c, const struct cpg_address *left, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (left[i].nodeid == c->node && left[i].pid == (uint32_t)c->handle.owner) {
			c->was_told_left = true;
		}
	}
}

void cpg_event_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	size_t count = members_count + left_count + joined_count;
	config_event *ev = (config_event *)append(KIND_CONFIG, PAYLOAD(config_event) + count * sizeof(struct cpg_address));
	struct cpg_address *to;

	(void)id;
	(void)group;
	note_own_leave((cpg *)intake_handle(), left, left_count);
	if (ev == NULL) {
		return;
	}
	ev->members = members_count;
	ev->left = left_count;
	ev->joined = joined_count;
	to = put_addresses(ev->addresses, members, members_count);
	to = put_addresses(to, left, left_count);
	(void)put_addresses(to, joined, joined_count);
}

void cpg_event_ring(cpg_handle_t id, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes)
{
	node_list list = {nodes, count};
	nodes_event *ev = nodes_append(KIND_RING, &list, 1);

	(void)id;
	if (ev != NULL) {
		ev->node = ring.nodeid;
		ev->seq = ring.seq;
	}
}

static int push_message(lua_State *L, handle *h, const event *ev, int values)
{
	const message_event *message = (const message_event *)ev;

	(void)h;
	lua_rawgeti(L, values, VALUE_ADDRESSES);
	address_push(L, -1, message->node, message->pid);
	lua_replace(L, -2);
	lua_pushlstring(L, message->bytes, message->length);
	return 2;
}

static const char *reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[CPG_REASON_JOIN] = "join",
		[CPG_REASON_LEAVE] = "leave",
		[CPG_REASON_NODEDOWN] = "nodedown",
		[CPG_REASON_NODEUP] = "nodeup",
		[CPG_REASON_PROCDOWN] = "procdown",
	};

	return reason < sizeof names / sizeof *names ? names[reason] : NULL;
}

/* Pushes an array of addresses. [-0, +1, m] */
static void push_addresses(lua_State *L, int cache, const struct cpg_address *addresses, size_t count)
{
	size_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		address_push(L, cache, addresses[i].nodeid, addresses[i].pid);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

/* Pushes an array of addresses, of members that joined or left, and sets why in each. [-0, +1, m] */
static void push_changes(lua_State *L, int cache, const struct cpg_address *addresses, size_t count)
{
	size_t i;

	push_addresses(L, cache, addresses, count);
	for (i = 0; i < count; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		lua_pushstring(L, reason_name(addresses[i].reason));
		lua_setfield(L, -2, "reason");
		lua_pop(L, 1);
	}
}

/*
 * The members are kept alive, so that a message from one of them finds its address made; in a table apart from the
 * handler's, which may do with its own what it likes.
 */
static int push_config(lua_State *L, handle *h, const event *ev, int values)
{
	const config_event *config = (const config_event *)ev;
	const struct cpg_address *left = config->addresses + config->members;
	int cache;

	(void)h;
	lua_rawgeti(L, values, VALUE_ADDRESSES);
	cache = lua_gettop(L);
	push_addresses(L, cache, config->addresses, config->members);
	push_addresses(L, cache, config->addresses, config->members);
	lua_rawseti(L, values, VALUE_MEMBERS);
	push_changes(L, cache, left, config->left);
	push_changes(L, cache, left + config->left, config->joined);
	lua_remove(L, cache);
	return 3;
}

static int push_ring(lua_State *L, handle *h, const event *ev, int values)
{
	const nodes_event *ring = (const nodes_event *)ev;

	(void)h;
	(void)values;
	nodes_push_ring(L, ring);
	nodes_push(L, ring, 0);
	return 2;
}

void cpg_event_lag(handle *h, double seconds, size_t events, size_t bytes)
{
	lag_event *ev = (lag_event *)queue_append(&h->queue, KIND_LAG, PAYLOAD(lag_event));

	if (ev != NULL) {
		ev->seconds = seconds;
		ev->events = events;
		ev->bytes = bytes;
	}
}

static int push_lag(lua_State *L, handle *h, const event *ev, int values)
{
	const lag_event *lag = (const lag_event *)ev;

	(void)h;
	(void)values;
	lua_pushnumber(L, (lua_Number)lag->seconds);
	compat_pushuint64(L, lag->events);
	compat_pushuint64(L, lag->bytes);
	return 3;
}

const event_kind cpg_event_kinds[] = {
	[KIND_MESSAGE] = {.handler = "message_received", .name = "message", .push = push_message},
	[KIND_CONFIG] = {.handler = "config_change", .name = "config", .push = push_config},
	[KIND_RING] = {.handler = "ring_change", .name = "ring", .push = push_ring},
	[KIND_LAG] = {.handler = "lagged", .name = "lagged", .push = push_lag},
};
