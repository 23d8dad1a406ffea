/*
 * Works out the lists of a change from a record that does not have them: libcpg lists at most 128 members. No Lua.
 */
#ifndef COROSYNC_LUA_CPG_RESOLVE_H
#define COROSYNC_LUA_CPG_RESOLVE_H

#include "cpg/address_list.h"
#include "cpg/cpg.h"

/* A change with its lists. Lua keeps the last one: the next is worked out from it. */
typedef struct config_change {
	uint64_t serial; /* the record's */
	size_t members, left, joined;
	bool is_told;                   /* false when it turned out to change nothing */
	struct cpg_address addresses[]; /* as in the record */
} config_change;

typedef struct resolution {
	uint64_t serial;
	cpg_address_list members, left, joined;
} resolution;

/* Whether the reason is one of a member that has joined, or has left: libcpg's lists may contain neither. */
bool cpg_resolve_is_join(uint32_t reason);
bool cpg_resolve_is_leave(uint32_t reason);

/*
 * Works out the oldest event of the handle's queue, where `last` is the change before it, or NULL. It may call Corosync,
 * which blocks, and then takes all that waits at the daemon: the event's address changes.
 */
cs_error_t cpg_resolve(cpg *c, const config_change *last, resolution *to);

void cpg_resolve_release(resolution *r);

#endif
