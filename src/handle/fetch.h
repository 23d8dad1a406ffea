/* From Corosync into queues: dispatching, and appending for Corosync's callbacks. No Lua. */
#ifndef COROSYNC_LUA_HANDLE_FETCH_H
#define COROSYNC_LUA_HANDLE_FETCH_H

#include "handle/handle.h"

/* The limits of one round: they bound memory and time, and the copied events are still in the CPU's caches. */
#define FETCH_EVENTS 256
#define FETCH_BYTES ((size_t)64 * 1024)

/* For Corosync's callbacks: the handle whose dispatch runs on this thread. */
handle *fetch_handle(void);

/* For them too: an event to fill; NULL when events are dropped, or without memory for it. */
event *fetch_append(uint64_t kind, size_t payload);

/*
 * Moves events that wait at the daemon into a queue, or drops them when that is NULL, until so many events have come or
 * the queue has so many bytes. One thread at a time. Returns NULL, or why no later event is valid; `drained` is
 * whether no more waited.
 */
const failure *fetch_events(handle *h, queue *to, size_t events, size_t bytes, bool *drained);

/* ---- events with a ring's id and lists of node ids, in the queue and as Lua values: node_list.c ---- */

#define NODE_LISTS 3

typedef struct node_list_event {
	event event;
	uint64_t seq;
	uint32_t node;    /* with seq the ring's id */
	uint32_t quorate; /* of quorum's events */
	size_t counts[NODE_LISTS];
	uint32_t nodes[]; /* the lists one after another */
} node_list_event;

typedef struct node_list {
	const uint32_t *nodes;
	size_t count;
} node_list;

/* For Corosync's callbacks: queues an event with a ring and up to NODE_LISTS lists. NULL without memory for it. */
node_list_event *node_list_append(uint64_t kind, uint32_t node, uint64_t seq, const node_list *lists, size_t count);

/* Pushes that list as an array of node ids. [-0, +1, m] */
void node_list_push(lua_State *L, const node_list_event *ev, size_t list);

/* Pushes the ring's id: a table with node and seq. [-0, +1, m] */
void node_list_push_ring(lua_State *L, const node_list_event *ev);

#endif
