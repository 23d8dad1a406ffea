/* Events with a ring's id and lists of node ids, in the queue and as Lua values. */
#ifndef COROSYNC_LUA_HANDLE_NODE_LIST_H
#define COROSYNC_LUA_HANDLE_NODE_LIST_H

#include "support/compat.h"
#include "support/queue.h"

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
