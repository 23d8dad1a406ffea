/* Events of libcpg: from its callbacks into the queue, and from the queue into Lua values. */
#ifndef COROSYNC_LUA_CPG_EVENT_H
#define COROSYNC_LUA_CPG_EVENT_H

#include <corosync/cpg.h>

#include "handle/handle.h"

extern const event_kind cpg_event_kinds[];

/* The callbacks for cpg_model_initialize. */
void cpg_event_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length);
void cpg_event_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count);
void cpg_event_ring(cpg_handle_t id, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes);

/* Puts the event that handlers lag, and how far, before the others in the handle's queue, if there is memory. */
void cpg_event_lag(handle *h, double seconds, size_t events, size_t bytes);

#endif
