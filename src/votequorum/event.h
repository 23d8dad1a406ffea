/* Events of libvotequorum: from its callbacks into the queue, and from the queue into Lua values. */
#ifndef COROSYNC_LUA_VOTEQUORUM_EVENT_H
#define COROSYNC_LUA_VOTEQUORUM_EVENT_H

#include <corosync/votequorum.h>

#include "handle/handle.h"

#define VOTEQUORUM_EVENT_KINDS 3

extern const event_kind votequorum_event_kinds[VOTEQUORUM_EVENT_KINDS];

/* The callbacks for votequorum_initialize. */
void votequorum_event_quorum(
	votequorum_handle_t id, uint64_t context, uint32_t quorate, uint32_t count, votequorum_node_t *nodes);
void votequorum_event_nodelist(
	votequorum_handle_t id, uint64_t context, votequorum_ring_id_t ring, uint32_t count, uint32_t *members);
void votequorum_event_expected_votes(votequorum_handle_t id, uint64_t context, uint32_t votes);

#endif
