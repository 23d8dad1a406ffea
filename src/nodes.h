/* Events that carry a ring's id and lists of node ids, in the queue and as Lua values. */
#ifndef COROSYNC_LUA_NODES_H
#define COROSYNC_LUA_NODES_H

#include "handle.h"

#define NODES_LISTS 3

typedef struct nodes_event {
	event event;
	uint64_t seq;
	uint32_t node;    /* with seq the ring's id */
	uint32_t quorate; /* for those that tell it */
	size_t counts[NODES_LISTS];
	uint32_t nodes[]; /* the lists one after another */
} nodes_event;

typedef struct node_list {
	const uint32_t *nodes;
	size_t count;
} node_list;

/* For Corosync's callbacks: queues an event with up to NODES_LISTS lists. NULL when there is no memory for it. */
nodes_event *nodes_append(uint64_t kind, const node_list *lists, size_t count);

/* Pushes that list as an array of node ids. [-0, +1, m] */
void nodes_push(lua_State *L, const nodes_event *ev, size_t list);

/* Pushes the ring's id: a table with node and seq. [-0, +1, m] */
void nodes_push_ring(lua_State *L, const nodes_event *ev);

#endif
