/* Changes of a group's members: as they wait in the queue, and how they become Lua values. */
#ifndef COROSYNC_LUA_CPG_CHANGE_H
#define COROSYNC_LUA_CPG_CHANGE_H

#include <corosync/cpg.h>

#include "handle/handle.h"

typedef struct config_event {
	event event;
	uint64_t serial;
	size_t count;                   /* members after the change; they are listed here or, when too many, not at all */
	size_t members, left, joined;   /* addresses here */
	bool is_whole;                  /* all that libcpg counts are here */
	struct cpg_address addresses[]; /* members, then left, then joined */
} config_event;

/* A change that has been made out. Lua keeps the last one: the next is made out from it. */
typedef struct config_change {
	uint64_t serial; /* the event's */
	size_t members, left, joined;
	bool is_told;                   /* false when it has turned out to change nothing */
	struct cpg_address addresses[]; /* as in the event */
} config_change;

/* The `push` of the kind of event. */
int cpg_change_push(lua_State *L, handle *h, const event *ev, int values);

#endif
