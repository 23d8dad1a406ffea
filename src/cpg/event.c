#include "cpg/cpg.h"

#include <string.h>
#include <sys/param.h>

#include "handle/fetch.h"
#include "handle/node_list.h"

/* Corosync still sends events to a process that has left, until its connection is closed: they are dropped. */
event *cpg_event_append(uint64_t kind, size_t payload)
{
	const cpg *c = (const cpg *)fetch_handle();

	return c->was_told_left ? NULL : fetch_append(kind, payload);
}

void cpg_event_append_message(cpg *c, bool is_own, const struct cpg_address *sender, const void *bytes, size_t length)
{
	message_event *ev = (message_event *)cpg_event_append(
		is_own ? KIND_OWN_MESSAGE : KIND_MESSAGE, EVENT_PAYLOAD(message_event) + length);

	if (ev == NULL) {
		return;
	}
	ev->node = sender->nodeid;
	ev->pid = sender->pid;
	ev->length = length;
	if (length > 0) {
		memcpy(ev->bytes, bytes, length);
	}
	if (is_own) {
		atomic_fetch_add_explicit(&c->handle.own_waiting_bytes, ev->event.size, memory_order_relaxed);
	}
}

void cpg_event_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length)
{
	cpg *c = (cpg *)fetch_handle();
	struct cpg_address sender = {.nodeid = node, .pid = pid};
	bool is_own = cpg_is_own(c, &sender);

	(void)id;
	(void)group;
	if (c->pack != NULL) {
		cpg_unpack_message(c, is_own, &sender, bytes, length);
		return;
	}
	cpg_event_append_message(c, is_own, &sender, bytes, length);
	if (is_own) {
		cpg_window_leave(c, 1, cpg_event_message_size(length));
	}
}

static struct cpg_address *put_addresses(struct cpg_address *to, const struct cpg_address *from, size_t count)
{
	if (count > 0) {
		memcpy(to, from, count * sizeof *to);
	}
	return to + count;
}

/* In a large group libcpg may list this process's own leave as the first member that joined. */
static void note_own_leave(cpg *c, const config_event *ev)
{
	const struct cpg_address *left = ev->addresses + ev->members;
	size_t i;

	for (i = 0; i < ev->left; i++) {
		c->was_told_left = c->was_told_left || cpg_is_own(c, &left[i]);
	}
	if (ev->left == 0 && ev->joined > 0 && cpg_listed_is_leave(left->reason) && cpg_is_own(c, left)) {
		c->was_told_left = true;
	}
}

/*
 * libcpg fills its array of 128 members without a bound, and overwrites the other lists, the event itself and the
 * counts of those lists. So with more members none of them is valid, and of the other lists at most 128.
 */
void cpg_event_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	cpg *c = (cpg *)fetch_handle();
	size_t listed = members_count <= CPG_MEMBERS_MAX ? members_count : 0;
	size_t left_listed = MIN(left_count, CPG_MEMBERS_MAX), joined_listed = MIN(joined_count, CPG_MEMBERS_MAX);
	size_t count = listed + left_listed + joined_listed;
	config_event *ev =
		(config_event *)cpg_event_append(KIND_CONFIG, EVENT_PAYLOAD(config_event) + count * sizeof(struct cpg_address));
	struct cpg_address *to;

	(void)id;
	(void)group;
	if (c->pack != NULL) {
		cpg_unpack_config(c, members_count, left, left_listed, joined_count);
	}
	if (ev == NULL) {
		return;
	}
	ev->serial = ++c->last_serial;
	ev->members_after = members_count;
	ev->members = listed;
	ev->left = left_listed;
	ev->joined = joined_listed;
	ev->is_whole = listed == members_count && left_listed == left_count && joined_listed == joined_count;
	to = put_addresses(ev->addresses, members, listed);
	to = put_addresses(to, left, left_listed);
	(void)put_addresses(to, joined, joined_listed);
	note_own_leave(c, ev);
}

void cpg_event_ring(cpg_handle_t id, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes)
{
	cpg *c = (cpg *)fetch_handle();
	node_list list = {nodes, count};

	(void)id;
	if (c->pack != NULL) {
		cpg_unpack_ring(c);
	}
	(void)node_list_append(KIND_RING, ring.nodeid, ring.seq, &list, 1);
}

static int push_message(lua_State *L, handle *h, const event *ev, int values)
{
	const message_event *message = (const message_event *)ev;
	cpg *c = (cpg *)h;

	if (c->members_unknown) {
		return EVENT_DROPPED;
	}
	lua_rawgeti(L, values, VALUE_ADDRESSES);
	cpg_address_push(L, -1, message->node, message->pid);
	lua_replace(L, -2);
	lua_pushlstring(L, message->bytes, message->length);
	cpg_count_add(&c->received, message->length);
	return 2;
}

static int push_ring(lua_State *L, handle *h, const event *ev, int values)
{
	const node_list_event *ring = (const node_list_event *)ev;

	(void)values;
	if (((const cpg *)h)->members_unknown) {
		return EVENT_DROPPED;
	}
	node_list_push_ring(L, ring);
	node_list_push(L, ring, 0);
	return 2;
}

void cpg_event_queue_lag(handle *h, double seconds, size_t events, size_t bytes)
{
	lag_event *ev = (lag_event *)queue_prepend(&h->queue, KIND_LAG, EVENT_PAYLOAD(lag_event));

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
	[KIND_OWN_MESSAGE] = {.handler = "message_received", .name = "message", .push = push_message, .is_own = true},
	[KIND_CONFIG] = {.handler = "config_change", .name = "config", .push = cpg_change_push},
	[KIND_RING] = {.handler = "ring_change", .name = "ring", .push = push_ring},
	[KIND_COMPLAINT] = {.handler = "error", .name = "error", .push = cpg_unpack_push_complaint, .is_report = true},
	[KIND_LAG] = {.handler = "lagged", .name = "lagged", .push = push_lag},
};
