/* Makes out a change of a group that is too large for libcpg, which tells of at most 128 members. No Lua. */
#ifndef COROSYNC_LUA_CPG_RESOLVE_H
#define COROSYNC_LUA_CPG_RESOLVE_H

#include "cpg/address_list.h"
#include "cpg/change.h"
#include "cpg/cpg_handle.h"

typedef struct resolution {
	uint64_t serial;
	cpg_address_list members, left, joined;
} resolution;

/* Whether a member with that reason has joined, or has left: libcpg's lists may hold neither. */
bool cpg_resolve_is_join(uint32_t reason);
bool cpg_resolve_is_leave(uint32_t reason);

/*
 * Makes out the oldest event of the handle's queue, where `last` is the change before it, or NULL. It may ask Corosync,
 * which blocks, and then moves what waits at the daemon into the queue: the event's address changes.
 */
cs_error_t cpg_resolve(cpg *c, const config_change *last, resolution *to);

void cpg_resolve_release(resolution *r);

#endif
