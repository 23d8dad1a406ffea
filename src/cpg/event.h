/* What libcpg delivers: from its callbacks into the queue, and from the queue into Lua values. */
#ifndef COROSYNC_LUA_CPG_EVENT_H
#define COROSYNC_LUA_CPG_EVENT_H

#include <corosync/cpg.h>

#include "handle/handle.h"

enum { KIND_MESSAGE, KIND_OWN_MESSAGE, KIND_CONFIG, KIND_RING, KIND_LAG };

extern const event_kind cpg_event_kinds[];

/* The bytes that a message of that length takes in the queue. */
size_t cpg_event_message_size(size_t length);

/* The callbacks for cpg_model_initialize. */
void cpg_event_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length);
void cpg_event_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count);
/* Puts first into the handle's queue, if it can, for how long and how much its handlers lag. */
void cpg_event_lag(handle *h, double seconds, size_t events, size_t bytes);

void cpg_event_ring(cpg_handle_t id, struct cpg_ring_id ring, uint32_t count, const uint32_t *nodes);

#endif
